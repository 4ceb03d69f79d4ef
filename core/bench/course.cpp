// SPDX-License-Identifier: Apache-2.0
#include "core/bench/course.h"

#include <algorithm>
#include <utility>

#include "core/codec/codec.h"

namespace deltascope {

namespace {

constexpr double kLeastSecondsKnown = 1;  // before that a forecast is a guess

}  // namespace

void BenchmarkCourse::phase(std::string name) {
  m_progress.phase = std::move(name);
  m_progress.tensor.clear();
  report(true);
}

BenchmarkCourse::Pieces BenchmarkCourse::piecesOf(const BenchmarkRequest& request, const TensorOrigin& origin) {
  Pieces pieces{};
  const std::uint64_t bytes = origin.elements * bytesOf(origin.dtype);
  const auto add = [&](BenchmarkWork work, double times) {
    pieces[static_cast<std::size_t>(work)] = expectedSeconds(work, bytes, times);
  };
  const double times = std::min(request.warmup, request.repeat) + request.repeat;
  const double few = 2.0 * std::min(request.repeat, kMostBaselineRepetitions);
  const auto wanted = [&](Placement mode) {
    return request.modes.empty() || std::find(request.modes.begin(), request.modes.end(), mode) != request.modes.end();
  };
  const bool delta = isMatrix(origin.spec.role) && !origin.steps.empty();
  add(BenchmarkWork::Read, 1);
  add(BenchmarkWork::Reference, times);
  if (!origin.steps.empty()) add(BenchmarkWork::Rebuild, times);
  if (wanted(Placement::Static)) add(BenchmarkWork::Static, times);
  if (wanted(Placement::Jit) && delta) add(BenchmarkWork::Jit, times);
  if (wanted(Placement::Stream) && delta) add(BenchmarkWork::Stream, times + request.repeat);
  if (!request.baselines || origin.steps.empty() || origin.bottom == BaseKind::None) return pieces;
  if (codec(CodecId::Additive).supports(origin.bottom, origin.dtype)) {
    add(BenchmarkWork::EncodeAdditive, 1);
    add(BenchmarkWork::Additive, few);
  }
  if (codec(CodecId::Zstd).supports(origin.bottom, origin.dtype)) {
    add(BenchmarkWork::EncodeZstd, 1);
    add(BenchmarkWork::Zstd, few);
  }
  add(BenchmarkWork::Base, times);
  return pieces;
}

void BenchmarkCourse::expect(const BenchmarkRequest& request, const TensorOrigin& origin) {
  const Pieces pieces = piecesOf(request, origin);
  for (std::size_t i = 0; i < pieces.size(); ++i) expect(static_cast<BenchmarkWork>(i), pieces[i]);
}

void BenchmarkCourse::expect(BenchmarkWork work, double seconds) { m_forecast.expect(work, seconds); }

void BenchmarkCourse::beginTensor(const BenchmarkRequest& request, const TensorOrigin& origin) {
  m_pieces = piecesOf(request, origin);
  m_tensor = origin.spec.name;
}

void BenchmarkCourse::endTensor() {
  for (std::size_t i = 0; i < m_pieces.size(); ++i) m_forecast.drop(static_cast<BenchmarkWork>(i), m_pieces[i]);
  m_pieces = {};
  m_tensor.clear();
  ++m_progress.tensorsDone;
  report(false);
}

BenchmarkCourse::Step BenchmarkCourse::step(BenchmarkWork work, double seconds, std::string label) {
  return {*this, work, seconds, std::move(label)};
}

BenchmarkCourse::Step::Step(BenchmarkCourse& course, BenchmarkWork work, double seconds, std::string label) : m_course(course) {
  course.m_running = {work, seconds, -1, 0};
  course.m_stepStart = Clock::now();
  course.m_progress.tensor = course.m_tensor.empty() ? std::move(label) : label + " of " + course.m_tensor;
  course.report(false);
}

BenchmarkCourse::Step::~Step() {
  if (!m_open) return;
  const auto running = std::exchange(m_course.m_running, {});
  m_course.m_forecast.drop(running.work, running.seconds);
  m_course.m_pieces[static_cast<std::size_t>(running.work)] = 0;
}

void BenchmarkCourse::Step::reached(double fraction) { m_course.reached(fraction); }

void BenchmarkCourse::Step::finish() {
  m_open = false;
  const auto running = std::exchange(m_course.m_running, {});
  m_course.m_forecast.done(running.work, running.seconds, m_course.since(m_course.m_stepStart));
  m_course.m_pieces[static_cast<std::size_t>(running.work)] = 0;
}

void BenchmarkCourse::reached(double fraction) {
  m_running.fraction = fraction;
  report(false);
}

void BenchmarkCourse::finish() {
  if (!m_job.progress) return;
  m_progress.tensor.clear();
  m_progress.seconds = since(m_start);
  m_progress.bytesDone = m_progress.bytesTotal;
  m_job.progress(m_progress);
}

void BenchmarkCourse::report(bool now) {
  if (!m_job.progress || (!now && Clock::now() - m_last < kInterval)) return;
  m_last = Clock::now();
  m_progress.seconds = since(m_start);
  if (m_running.seconds > 0) m_running.took = since(m_stepStart);
  const double share = m_forecast.share(m_running);
  if (m_progress.seconds >= kLeastSecondsKnown)
    m_progress.bytesDone = static_cast<std::uint64_t>(share * static_cast<double>(m_progress.bytesTotal));
  m_job.progress(m_progress);
}

}  // namespace deltascope
