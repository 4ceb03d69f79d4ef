// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/planner.h"

#include <algorithm>
#include <numeric>

#include "core/base/units.h"

namespace deltascope {
namespace {

/// Prompts are read in larger calls while their activations stay below this share of the budget.
constexpr std::uint64_t kActivationShare = 16;
constexpr std::uint32_t kModestPrefill = 8;
constexpr std::uint64_t kStreamAhead = std::uint64_t{1} << 20;
constexpr std::size_t kMostSlots = 64;

std::optional<std::uint64_t> bytesOf(const TensorCost& cost, Placement placement) {
  if (placement == Placement::Static) return cost.staticBytes;
  return placement == Placement::Jit ? cost.jitBytes : cost.streamBytes;
}

Placement smallestPlacement(const TensorCost& cost) {
  Placement best = Placement::Static;
  for (const auto placement : {Placement::Jit, Placement::Stream})
    if (const auto bytes = bytesOf(cost, placement); bytes && *bytes < *bytesOf(cost, best)) best = placement;
  return best;
}

struct Parts {
  std::uint64_t weights = 0, scratch = 0, work = 0, stream = 0, load = 0;
};

class Planner {
 public:
  explicit Planner(const PlanRequest& request)
      : m_request(request), m_placements(request.tensors.size()), m_expanded(request.tensors.size(), false) {}

  Result<MemoryPlan> plan();

 private:
  [[nodiscard]] Parts partsOf(const std::vector<Placement>& placements) const;
  [[nodiscard]] std::uint64_t totalOf(const std::vector<Placement>& placements) const;
  [[nodiscard]] std::uint64_t fixedBytes(std::uint32_t context, std::uint32_t tokens) const {
    return m_request.kvCacheBytes(context) + m_request.activationBytes(tokens);
  }
  [[nodiscard]] std::vector<Placement> leastPlacements() const;
  void forcePlacements(Placement wanted);
  bool chooseContext();
  void choosePrefill();
  void upgrade();
  bool improve(std::size_t index, Placement to);
  bool expand(std::size_t index);
  void expandAll();
  [[nodiscard]] std::uint64_t residentOf(std::size_t index, Placement placement) const;
  [[nodiscard]] std::vector<std::size_t> orderFor(Placement from, bool small) const;
  [[nodiscard]] MemoryPlan result() const;

  const PlanRequest& m_request;
  std::vector<Placement> m_placements;
  std::vector<bool> m_expanded;  ///< of those that are jit
  std::uint32_t m_context = 0, m_tokens = 1;
  std::uint64_t m_room = 0, m_fixed = 0, m_least = 0;
};

std::uint64_t Planner::residentOf(std::size_t index, Placement placement) const {
  const auto& cost = m_request.tensors[index];
  return placement == Placement::Jit && m_expanded[index] ? *cost.expandedBytes : *bytesOf(cost, placement);
}

Parts Planner::partsOf(const std::vector<Placement>& placements) const {
  Parts parts;
  std::uint64_t step = 0, row = 0, pieces = 0, piece = 0, work = 0, load = 0, expand = 0;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const auto& cost = m_request.tensors[i];
    parts.weights += residentOf(i, placements[i]);
    if (placements[i] == Placement::Static) {
      load = std::max(load, cost.loadBytes);
      continue;
    }
    if (cost.stepBytes > 0) {
      step = std::max(step, cost.stepBytes);
      row = std::max(row, cost.rowBytes);
      pieces = std::max(pieces, cost.pieces);
    }
    work = std::max(work, cost.workBytes);
    if (placements[i] == Placement::Jit) expand = std::max(expand, m_expanded[i] ? cost.expandBytes : cost.jitLoadBytes);
    if (placements[i] == Placement::Stream) piece = std::max(piece, cost.pieceBytes);
  }
  const unsigned threads = m_request.threads;
  if (step > 0) parts.scratch = m_request.scratchBytes(step, row, static_cast<std::size_t>(pieces));
  parts.work = threads * work;
  parts.scratch += parts.work;
  parts.stream = piece == 0 ? 0 : m_request.streamBytes ? m_request.streamBytes(piece) : streamSlots(threads, piece) * piece;
  parts.load = m_request.loadFixedBytes + threads * load + expand;
  return parts;
}

/// The peak: while running, or while the last tensor is being made static.
std::uint64_t Planner::totalOf(const std::vector<Placement>& placements) const {
  const Parts parts = partsOf(placements);
  return parts.weights + std::max(m_fixed + parts.scratch + parts.stream, parts.load);
}

/// Scratch and stream buffers can outweigh what they save in a small model.
std::vector<Placement> Planner::leastPlacements() const {
  const auto& tensors = m_request.tensors;
  std::vector<Placement> best(tensors.size(), Placement::Static);
  for (const auto placement : {Placement::Jit, Placement::Stream}) {
    std::vector<Placement> candidate(tensors.size(), Placement::Static);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      candidate[i] = smallestPlacement(tensors[i]);
      if (placement == Placement::Jit && candidate[i] == Placement::Stream && tensors[i].jitBytes)
        candidate[i] = Placement::Jit;
    }
    if (totalOf(candidate) < totalOf(best)) best = std::move(candidate);
  }
  return best;
}

void Planner::forcePlacements(Placement wanted) {
  for (std::size_t i = 0; i < m_placements.size(); ++i) {
    const auto& cost = m_request.tensors[i];
    m_placements[i] = Placement::Static;
    if (!cost.matrix || wanted == Placement::Static) continue;
    if (bytesOf(cost, wanted))
      m_placements[i] = wanted;
    else if (cost.jitBytes)
      m_placements[i] = Placement::Jit;
  }
}

bool Planner::chooseContext() {
  for (const std::uint32_t context : m_request.contexts) {
    m_context = context;
    m_fixed = fixedBytes(context, 1);
    if (!m_request.placement) m_placements = leastPlacements();
    m_least = totalOf(m_placements);
    if (m_least <= m_room) return true;
  }
  return false;
}

void Planner::choosePrefill() {
  const std::uint64_t share = std::max(m_room / kActivationShare, m_request.activationBytes(kModestPrefill));
  for (const std::uint32_t tokens : m_request.prefillTokens) {
    m_tokens = tokens;
    m_fixed = fixedBytes(m_context, tokens);
    if (tokens == 1) return;
    if (tokens <= std::max(m_context, 1u) && m_request.activationBytes(tokens) <= share && totalOf(m_placements) <= m_room)
      return;
  }
}

bool Planner::improve(std::size_t index, Placement to) {
  const auto& cost = m_request.tensors[index];
  if (!bytesOf(cost, to) || (to == Placement::Static && cost.asStored)) return false;
  const Placement before = std::exchange(m_placements[index], to);
  if (totalOf(m_placements) <= m_room) return true;
  m_placements[index] = before;
  return false;
}

bool Planner::expand(std::size_t index) {
  if (!m_request.tensors[index].expandedBytes || m_placements[index] != Placement::Jit || m_expanded[index]) return false;
  m_expanded[index] = true;
  if (totalOf(m_placements) <= m_room) return true;
  m_expanded[index] = false;
  return false;
}

void Planner::expandAll() {
  if (!m_request.expand) return;
  for (const bool small : {false, true})
    for (const std::size_t i : orderFor(Placement::Jit, small)) static_cast<void>(expand(i));
}

/// Products before look-ups; small tensors first below the threshold, large ones first above it.
std::vector<std::size_t> Planner::orderFor(Placement from, bool small) const {
  const auto& tensors = m_request.tensors;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (m_placements[i] == from && (tensors[i].finalBytes <= m_request.staticThreshold) == small) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (tensors[a].lookedUp != tensors[b].lookedUp) return tensors[b].lookedUp;
    return small ? tensors[a].finalBytes < tensors[b].finalBytes : tensors[a].finalBytes > tensors[b].finalBytes;
  });
  return order;
}

/// First nothing is read again and again, then what is small stays, then whatever else has room; large tensors first, smaller
/// ones fill what is left.
void Planner::upgrade() {
  for (bool again = true; again;) {
    again = false;
    for (const bool small : {true, false})
      for (const std::size_t i : orderFor(Placement::Stream, small))
        again |= improve(i, m_request.tensors[i].jitBytes ? Placement::Jit : Placement::Static);
    expandAll();
    for (const bool small : {true, false})
      for (const std::size_t i : orderFor(Placement::Jit, small))
        if (!m_expanded[i]) again |= improve(i, Placement::Static);
  }
}

MemoryPlan Planner::result() const {
  MemoryPlan plan;
  const Parts parts = partsOf(m_placements);
  for (std::size_t i = 0; i < m_placements.size(); ++i) {
    const auto& cost = m_request.tensors[i];
    plan.tensors.push_back({cost.name, m_placements[i], m_expanded[i], residentOf(i, m_placements[i]), cost.finalBytes,
                            cost.baseBytes, cost.deltaBytes});
    if (m_placements[i] == Placement::Jit) plan.tensors.back().loadBytes = m_expanded[i] ? cost.expandBytes : cost.jitLoadBytes;
  }
  plan.device = m_request.device;
  plan.budget = m_request.budget;
  plan.budgetGiven = m_request.budgetGiven;
  plan.weightBytes = parts.weights;
  plan.kvCacheBytes = m_request.kvCacheBytes(m_context);
  plan.activationBytes = m_request.activationBytes(m_tokens);
  plan.scratchBytes = parts.scratch;
  plan.workBytes = parts.work;
  plan.streamBytes = parts.stream;
  plan.loadBytes = parts.load;
  plan.heldBytes = m_request.heldBytes;
  plan.expectedPeak = totalOf(m_placements) + m_request.heldBytes;
  plan.smallestBudget = m_least + m_request.heldBytes;
  plan.context = m_context;
  plan.prefillTokens = m_tokens;
  return plan;
}

Result<MemoryPlan> Planner::plan() {
  m_room = m_request.budget - std::min(m_request.budget, m_request.heldBytes);
  if (m_request.placement) forcePlacements(*m_request.placement);
  if (!chooseContext()) {
    const std::string others = m_request.heldBytes ? ", of which " + formatGib(m_request.heldBytes) + " are held already," : "";
    const std::uint64_t needed = m_least + m_request.heldBytes;
    return fail(ErrorCode::InvalidArgument,
                "a memory budget of " + formatGib(m_request.budget) + " (" + std::to_string(m_request.budget) + " bytes)" +
                    others + " is too small",
                "the smallest that works with a context of " + std::to_string(m_context) + " tokens is " + formatGib(needed) +
                    " (" + std::to_string(needed) + " bytes)");
  }
  choosePrefill();
  if (!m_request.placement)
    upgrade();
  else
    expandAll();
  return result();
}

}  // namespace

std::size_t streamSlots(unsigned threads, std::uint64_t pieceBytes) {
  const auto ahead =
      static_cast<std::size_t>(std::min<std::uint64_t>(kStreamAhead / std::max<std::uint64_t>(pieceBytes, 1), kMostSlots));
  return std::max<std::size_t>(ahead, std::size_t{threads} + 2);
}

Result<MemoryPlan> makePlan(const PlanRequest& request) { return Planner(request).plan(); }

}  // namespace deltascope
