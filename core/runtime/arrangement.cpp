// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/arrangement.h"

#include <map>

namespace deltascope {
namespace {

const std::map<WeightRole, kernels::Matrix LayerWeights::*> kMatrices{
    {WeightRole::Query, &LayerWeights::query}, {WeightRole::Key, &LayerWeights::key},
    {WeightRole::Value, &LayerWeights::value}, {WeightRole::Output, &LayerWeights::output},
    {WeightRole::Gate, &LayerWeights::gate},   {WeightRole::Up, &LayerWeights::up},
    {WeightRole::Down, &LayerWeights::down}};
const std::map<WeightRole, VectorRef LayerWeights::*> kVectors{
    {WeightRole::InputNorm, &LayerWeights::inputNorm}, {WeightRole::PostNorm, &LayerWeights::postNorm},
    {WeightRole::QueryNorm, &LayerWeights::queryNorm}, {WeightRole::KeyNorm, &LayerWeights::keyNorm},
    {WeightRole::QueryBias, &LayerWeights::queryBias}, {WeightRole::KeyBias, &LayerWeights::keyBias},
    {WeightRole::ValueBias, &LayerWeights::valueBias}, {WeightRole::OutputBias, &LayerWeights::outputBias},
    {WeightRole::GateBias, &LayerWeights::gateBias},   {WeightRole::UpBias, &LayerWeights::upBias},
    {WeightRole::DownBias, &LayerWeights::downBias}};

}  // namespace

bool isLayerMatrix(WeightRole role) { return kMatrices.contains(role); }

void Arrangement::put(const WeightSpec& spec, const kernels::Matrix& weight) {
  const VectorRef vector{weight.elements, weight.type};
  if (const auto matrix = kMatrices.find(spec.role); matrix != kMatrices.end()) {
    layers[spec.layer].*matrix->second = weight;
  } else if (const auto found = kVectors.find(spec.role); found != kVectors.end()) {
    layers[spec.layer].*found->second = vector;
  } else if (spec.role == WeightRole::FinalNorm) {
    finalNorm = vector;
  } else {
    (spec.role == WeightRole::Embedding ? embedding : head) = weight;
  }
}

}  // namespace deltascope
