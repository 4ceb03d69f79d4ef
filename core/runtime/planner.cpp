// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/planner.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/base/units.h"

namespace deltascope {
namespace {

/// Prompts are read in larger calls while their activations stay below this share of the budget.
constexpr std::uint64_t kActivationShare = 16;
constexpr std::uint32_t kModestPrefill = 8;
constexpr std::uint64_t kStreamAhead = std::uint64_t{1} << 20;
constexpr std::size_t kMostSlots = 64;

/// Of each tensor, the number of one of its forms.
using Choice = std::vector<std::size_t>;

std::optional<std::size_t> formAt(const TensorCost& cost, Placement placement, bool expanded = false) {
  for (std::size_t i = 0; i < cost.forms.size(); ++i)
    if (cost.forms[i].placement == placement && cost.forms[i].expanded == expanded) return i;
  return std::nullopt;
}

std::size_t smallestForm(const TensorCost& cost) {
  std::size_t best = *formAt(cost, Placement::Static);
  for (const auto placement : {Placement::Jit, Placement::Stream})
    if (const auto form = formAt(cost, placement); form && cost.forms[*form].residentBytes < cost.forms[best].residentBytes)
      best = *form;
  return best;
}

Choice allStatic(const std::vector<TensorCost>& tensors) {
  Choice choice;
  for (const auto& cost : tensors) choice.push_back(*formAt(cost, Placement::Static));
  return choice;
}

struct Parts {
  std::uint64_t weights = 0, scratch = 0, work = 0, stream = 0, load = 0;
  std::uint64_t whole = 0;  ///< of the largest tensor that is made step by step
};

/// The largest of some numbers that come and go.
class Largest {
 public:
  void count(std::uint64_t number, bool comes) {
    const auto at = m_counts.try_emplace(number, 0).first;
    if ((at->second += comes ? 1 : -1) == 0) m_counts.erase(at);
  }
  [[nodiscard]] std::uint64_t most() const { return m_counts.empty() ? 0 : m_counts.rbegin()->first; }

 private:
  std::map<std::uint64_t, std::int64_t> m_counts;
};

/// What a choice of forms needs, kept as one form after another changes: models with experts have tens of thousands of weights.
struct Needs {
  std::uint64_t weights = 0;
  Largest step, row, pieces, atOnce, whole, work, piece, load, loadWork;

  Needs() = default;
  Needs(const std::vector<TensorCost>& tensors, const Choice& choice) {
    for (std::size_t i = 0; i < choice.size(); ++i) count(tensors[i], choice[i], true);
  }
  void count(const TensorCost& cost, std::size_t number, bool comes) {
    const FormCost& form = cost.forms[number];
    weights += comes ? form.residentBytes : 0 - form.residentBytes;
    work.count(form.workBytes, comes);
    piece.count(form.pieceBytes, comes);
    load.count(form.loadBytes, comes);
    loadWork.count(form.loadWorkBytes, comes);
    if (form.stepBytes == 0) return;
    step.count(form.stepBytes, comes);
    row.count(cost.rowBytes, comes);
    pieces.count(form.pieces, comes);
    atOnce.count(form.atOnceBytes, comes);
    whole.count(cost.finalBytes, comes);
  }
};

class Planner {
 public:
  explicit Planner(const PlanRequest& request) : m_request(request) { choose(allStatic(request.tensors)); }

  Result<MemoryPlan> plan();

 private:
  [[nodiscard]] const FormCost& chosen(std::size_t index) const { return m_request.tensors[index].forms[m_choice[index]]; }
  void choose(Choice choice) {
    m_choice = std::move(choice);
    m_needs = Needs(m_request.tensors, m_choice);
  }
  void change(std::size_t index, std::size_t form) {
    m_needs.count(m_request.tensors[index], m_choice[index], false);
    m_choice[index] = form;
    m_needs.count(m_request.tensors[index], form, true);
  }
  [[nodiscard]] Parts partsOf(const Needs& needs) const;
  [[nodiscard]] std::uint64_t totalOf(const Needs& needs) const { return totalOf(partsOf(needs)); }
  [[nodiscard]] std::uint64_t totalOf(const Parts& parts) const;
  [[nodiscard]] std::uint64_t spareScratch(const Parts& parts) const;
  [[nodiscard]] std::uint64_t stateBytes() const { return m_request.stateBytes ? m_request.stateBytes() : 0; }
  [[nodiscard]] std::uint64_t fixedBytes(std::uint32_t context, std::uint32_t tokens) const {
    return m_request.kvCacheBytes(context) + stateBytes() + m_request.activationBytes(tokens);
  }
  [[nodiscard]] Choice leastChoice() const;
  void forcePlacements(Placement wanted);
  bool chooseContext();
  void choosePrefill();
  void upgrade();
  bool take(std::size_t index, std::size_t form);
  bool improve(std::size_t index, Placement to);
  void expandAll();
  [[nodiscard]] std::vector<std::size_t> orderFor(Placement from, bool small) const;
  [[nodiscard]] MemoryPlan result() const;

  const PlanRequest& m_request;
  Choice m_choice;
  Needs m_needs;  ///< of m_choice
  std::uint32_t m_context = 0, m_tokens = 1;
  std::uint64_t m_room = 0, m_fixed = 0, m_least = 0;
};

Parts Planner::partsOf(const Needs& needs) const {
  Parts parts;
  parts.weights = needs.weights;
  parts.whole = needs.whole.most();
  const unsigned threads = m_request.threads;
  const std::uint64_t step = needs.step.most(), piece = needs.piece.most();
  if (step > 0) parts.scratch = m_request.scratchBytes(step, needs.row.most(), static_cast<std::size_t>(needs.pieces.most()));
  parts.scratch += needs.atOnce.most();
  parts.work = threads * needs.work.most();
  parts.scratch += parts.work;
  parts.stream = piece == 0 ? 0 : m_request.streamBytes ? m_request.streamBytes(piece) : streamSlots(threads, piece) * piece;
  parts.load = m_request.loadFixedBytes + threads * needs.loadWork.most() + needs.load.most();
  return parts;
}

/// The peak: while running, or while the last tensor is being made static.
std::uint64_t Planner::totalOf(const Parts& parts) const {
  return parts.weights + std::max(m_fixed + parts.scratch + parts.stream, parts.load);
}

/// Of what is left when all is chosen, the scratch that prompts gain by.
std::uint64_t Planner::spareScratch(const Parts& parts) const {
  const std::uint64_t useful = std::min(m_request.usefulScratchBytes, parts.whole), held = parts.scratch - parts.work;
  const std::uint64_t running = parts.weights + m_fixed + parts.scratch + parts.stream;
  return std::min(useful - std::min(useful, held), m_room - std::min(m_room, running));
}

/// Scratch and stream buffers can outweigh what they save in a small model.
Choice Planner::leastChoice() const {
  const auto& tensors = m_request.tensors;
  Choice best = allStatic(tensors);
  for (const auto placement : {Placement::Jit, Placement::Stream}) {
    Choice candidate;
    for (const auto& cost : tensors) {
      candidate.push_back(smallestForm(cost));
      if (placement != Placement::Jit || cost.forms[candidate.back()].placement != Placement::Stream) continue;
      if (const auto jit = formAt(cost, Placement::Jit)) candidate.back() = *jit;
    }
    if (totalOf(Needs(tensors, candidate)) < totalOf(Needs(tensors, best))) best = std::move(candidate);
  }
  return best;
}

void Planner::forcePlacements(Placement wanted) {
  Choice choice = allStatic(m_request.tensors);
  for (std::size_t i = 0; i < choice.size(); ++i) {
    const auto& cost = m_request.tensors[i];
    if (!cost.matrix || wanted == Placement::Static) continue;
    if (const auto form = formAt(cost, wanted))
      choice[i] = *form;
    else if (const auto jit = formAt(cost, Placement::Jit))
      choice[i] = *jit;
  }
  choose(std::move(choice));
}

bool Planner::chooseContext() {
  for (const std::uint32_t context : m_request.contexts) {
    m_context = context;
    m_fixed = fixedBytes(context, 1);
    if (!m_request.placement) choose(leastChoice());
    m_least = totalOf(m_needs);
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
    if (tokens <= std::max(m_context, 1u) && m_request.activationBytes(tokens) <= share && totalOf(m_needs) <= m_room) return;
  }
}

/// Where it fits.
bool Planner::take(std::size_t index, std::size_t form) {
  const std::size_t before = m_choice[index];
  change(index, form);
  if (totalOf(m_needs) <= m_room) return true;
  change(index, before);
  return false;
}

bool Planner::improve(std::size_t index, Placement to) {
  const auto form = formAt(m_request.tensors[index], to);
  return form && !(to == Placement::Static && chosen(index).asStored) && take(index, *form);
}

void Planner::expandAll() {
  if (!m_request.expand) return;
  for (const bool small : {false, true})
    for (const std::size_t i : orderFor(Placement::Jit, small)) {
      const auto form = formAt(m_request.tensors[i], Placement::Jit, true);
      if (form && !chosen(i).expanded) static_cast<void>(take(i, *form));
    }
}

/// Products before look-ups; small tensors first below the threshold, large ones first above it.
std::vector<std::size_t> Planner::orderFor(Placement from, bool small) const {
  const auto& tensors = m_request.tensors;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (chosen(i).placement == from && (tensors[i].finalBytes <= m_request.staticThreshold) == small) order.push_back(i);
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
        again |= improve(i, formAt(m_request.tensors[i], Placement::Jit) ? Placement::Jit : Placement::Static);
    expandAll();
    for (const bool small : {true, false})
      for (const std::size_t i : orderFor(Placement::Jit, small))
        if (!chosen(i).expanded) again |= improve(i, Placement::Static);
  }
}

MemoryPlan Planner::result() const {
  MemoryPlan plan;
  Parts parts = partsOf(m_needs);
  parts.scratch += spareScratch(parts);
  for (std::size_t i = 0; i < m_choice.size(); ++i) {
    const auto& cost = m_request.tensors[i];
    const FormCost& form = chosen(i);
    plan.tensors.push_back({cost.name, form.placement, form.form, form.expanded, form.residentBytes, cost.finalBytes,
                            cost.baseBytes, cost.deltaBytes, form.loadBytes});
  }
  plan.device = m_request.device;
  plan.budget = m_request.budget;
  plan.budgetGiven = m_request.budgetGiven;
  plan.weightBytes = parts.weights;
  plan.kvCacheBytes = m_request.kvCacheBytes(m_context);
  plan.stateBytes = stateBytes();
  plan.activationBytes = m_request.activationBytes(m_tokens);
  plan.scratchBytes = parts.scratch;
  plan.workBytes = parts.work;
  plan.streamBytes = parts.stream;
  plan.loadBytes = parts.load;
  plan.heldBytes = m_request.heldBytes;
  plan.expectedPeak = totalOf(parts) + m_request.heldBytes;
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
