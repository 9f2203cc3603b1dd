// SPDX-License-Identifier: Apache-2.0
// Operators that compute, in their integer form (QLinear) and between DequantizeLinear and
// QuantizeLinear: both become the same layers.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "model/qimporter.h"
#include "model/shapes.h"

namespace aap {
namespace {

bool is_qlinear(const Node& node) { return node.op[0] == 'Q'; }

// N, C, H, W of a shape in the node's layout.
Shape channels_first(const Shape& s, bool last) {
  return last && s.size() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s;
}

Int8Tensor transposed(const Int8Tensor& m) {
  Int8Tensor out({m.shape[1], m.shape[0]});
  for (int64_t i = 0; i < m.shape[0]; ++i) {
    for (int64_t j = 0; j < m.shape[1]; ++j) {
      out.data[static_cast<size_t>(j * m.shape[0] + i)] =
          m.data[static_cast<size_t>(i * m.shape[1] + j)];
    }
  }
  return out;
}

}  // namespace

void QImporter::convolution(const Node& node) {
  const bool q = is_qlinear(node);
  const bool last = node.attr_int("channels_last", 0) != 0;
  // Padding by the zero point moves into the window.
  const auto* padded = std::get_if<Padded>(&value(node, 0));
  std::optional<Padded> pads;
  if (padded != nullptr && padded->before[kAxisC] + padded->after[kAxisC] == 0 &&
      padded->base.real == !q) {
    pads = *padded;
  }
  const Activation x = pads.has_value() ? pads->base : q ? integers(node, 0, 1, 2) : reals(node, 0);
  const QParams in = params_of(x.tensor);
  if (pads.has_value() && q && !(params(node, 1, 2, in.from_uint8) == in)) {
    fail(node, "its scale or zero point is not that of its padded input");
  }
  const Extents e = pads.has_value() ? pads->extents : extents(x.tensor);
  require_image(node, pads.has_value() ? pads->view : x.view, e, last);
  auto spec = std::make_shared<ConvSpec>();
  std::tie(spec->weights, spec->scales) = weights(node, q, 0);
  spec->window =
      conv_window(node, channels_first(shape(node.inputs[0]), last), spec->weights.shape);
  spec->groups = node.attr_int("group", 1);
  Pending p;
  p.base = Pending::Base::kConv;
  p.name = node.name;
  p.inputs = {x.tensor};
  p.base_extents = p.extents = {spec->weights.shape[0], spec->window.out_h, spec->window.out_w};
  if (pads.has_value()) {
    spec->window.pad_top += pads->before[kAxisH];
    spec->window.pad_left += pads->before[kAxisW];
    spec->window.pad_bottom += pads->after[kAxisH];
    spec->window.pad_right += pads->after[kAxisW];
  }
  p.view = last ? image_last_view(p.extents) : image_view(p.extents);
  p.bias = q ? integer_bias(node, 8, p.extents[kAxisC])
             : bias_units(node, 2, in.scale, spec->scales);
  p.conv = std::move(spec);
  store(node, std::move(p), q ? std::optional(params(node, 6, 7, in.from_uint8)) : std::nullopt);
}

// Gemm, MatMul, QGemm, QLinearMatMul: a row of values by a matrix of weights.
void QImporter::fully_connected(const Node& node) {
  const bool q = is_qlinear(node), gemm = node.op == "Gemm" || node.op == "QGemm";
  const bool output_first = gemm && node.attr_int("transB", 0) != 0;
  if (gemm) {
    if (node.attr_int("transA", 0) != 0) fail(node, "transA is 1, legal is 0");
    if (node.attr_float("alpha", 1.0F) != 1.0F) fail(node, "alpha is not 1");
    if (node.attr_float("beta", 1.0F) != 1.0F) fail(node, "beta is not 1");
  }
  const Activation x = q ? integers(node, 0, 1, 2) : reals(node, 0);
  const QParams in = params_of(x.tensor);
  const Extents e = extents(x.tensor);
  auto spec = std::make_shared<ConvSpec>();
  std::tie(spec->weights, spec->scales) = weights(node, q, output_first ? 0 : 1);
  Int8Tensor w = std::move(spec->weights);
  if (w.shape.size() != 2) fail(node, fmt::format("weight has rank {}, legal is 2", w.shape.size()));
  if (!output_first) w = transposed(w);
  const int64_t inputs = w.shape[1], outputs = w.shape[0];
  bool row = outputs >= 1 && inputs == e[0] * e[1] * e[2];
  for (size_t d = 0; d + 1 < x.view.dims.size(); ++d) row = row && x.view.dims[d].empty();
  if (!row) fail(node, fmt::format("its input is not one row of {} values", inputs));

  // A row of weights is a kernel over the whole input, in the order in which the row was flattened.
  spec->weights = Int8Tensor({outputs, e[kAxisC], e[kAxisH], e[kAxisW]});
  const std::vector<int64_t> order = order_of(x.view, e);
  for (int64_t m = 0; m < outputs; ++m) {
    for (int64_t k = 0; k < inputs; ++k) {
      const int64_t from = order.empty() ? k : order[static_cast<size_t>(k)];
      spec->weights.data[static_cast<size_t>(m * inputs + k)] =
          w.data[static_cast<size_t>(m * inputs + from)];
    }
  }
  spec->window.kernel_h = e[kAxisH];
  spec->window.kernel_w = e[kAxisW];
  Pending p;
  p.base = Pending::Base::kConv;
  p.name = node.name;
  p.inputs = {x.tensor};
  p.base_extents = p.extents = {outputs, 1, 1};
  const size_t rank = x.view.dims.size();
  p.view = channel_view(p.extents, rank, rank - 1);
  if (!q) {
    p.bias = bias_units(node, 2, in.scale, spec->scales);
  } else if (gemm) {
    p.bias = integer_bias(node, 6, outputs);
    if (!has_input(node, 7)) fail(node, "has no output scale (float output)");
  } else {
    p.bias.assign(static_cast<size_t>(outputs), 0.0);
  }
  p.conv = std::move(spec);
  const size_t scale = gemm ? 7 : 6;
  store(node, std::move(p),
        q ? std::optional(params(node, scale, scale + 1, in.from_uint8)) : std::nullopt);
}

// A constant behind Conv or MatMul is its bias.
void QImporter::add_bias(const Node& node, size_t data) {
  const auto* before = std::get_if<Pending>(&value(node, data));
  if (before == nullptr || before->base != Pending::Base::kConv || !before->pools.empty() ||
      !std::isinf(before->lo) || !std::isinf(before->hi)) {
    fail(node, fmt::format("adds the constant '{}'; that is only supported as a bias, right behind "
                           "Conv, Gemm or MatMul",
                           node.inputs[1 - data]));
  }
  Pending p = *before;
  const Shape& s = shape(node.inputs[1 - data]);
  const std::vector<std::vector<int>>& dims = p.view.dims;
  bool fits = s.size() <= dims.size();
  for (size_t d = 0; fits && d < s.size(); ++d) {
    fits = s[d] == 1 || dims[dims.size() - s.size() + d] == std::vector<int>{kAxisC};
  }
  if (!fits) {
    fail(node, fmt::format("adds the constant '{}', which is not one number per channel",
                           node.inputs[1 - data]));
  }
  const std::vector<double> more =
      bias_units(node, 1 - data, params_of(p.inputs[0]).scale, p.conv->scales);
  for (size_t m = 0; m < p.bias.size(); ++m) p.bias[m] += more[m];
  store(node, std::move(p), std::nullopt);
}

void QImporter::add(const Node& node) {
  const bool q = is_qlinear(node);
  const size_t second = q ? 3 : 1;
  for (size_t data : {size_t{0}, size_t{1}}) {
    if (q) break;
    const std::string& other = name_of(node, 1 - data);
    if (find_constant(other) != nullptr || dequantised_.count(other) != 0) {
      return add_bias(node, data);
    }
  }
  const Activation a = q ? integers(node, 0, 1, 2) : reals(node, 0);
  const Activation b = q ? integers(node, 3, 4, 5) : reals(node, 1);
  if (extents(a.tensor) != extents(b.tensor) ||
      shape(node.inputs[0]) != shape(node.inputs[second])) {
    fail(node, "broadcasts; both inputs must have one shape");
  }
  if (a.view != b.view) fail(node, "adds images of different layouts");
  Pending p;
  p.base = Pending::Base::kAdd;
  p.name = node.name;
  p.inputs = {a.tensor, b.tensor};
  p.base_extents = p.extents = extents(a.tensor);
  p.view = a.view;
  store(node, std::move(p),
        q ? std::optional(params(node, 6, 7, params_of(a.tensor).from_uint8)) : std::nullopt);
}

void QImporter::average_pool(const Node& node) {
  const bool q = is_qlinear(node);
  const bool last = node.attr_int("channels_last", 0) != 0;
  const bool global = node.op == "GlobalAveragePool" || node.op == "QLinearGlobalAveragePool";
  const Activation x = q ? integers(node, 0, 1, 2) : reals(node, 0);
  const Extents e = extents(x.tensor);
  require_image(node, x.view, e, last);
  Pending p;
  p.base = Pending::Base::kAverage;
  p.name = node.name;
  p.inputs = {x.tensor};
  p.count_include_pad = !global && node.attr_int("count_include_pad", 0) != 0;
  if (global) {
    p.window.kernel_h = e[kAxisH];
    p.window.kernel_w = e[kAxisW];
    p.window.out_h = p.window.out_w = 1;
  } else {
    p.window = pool_window(node, channels_first(shape(node.inputs[0]), last));
    if (p.count_include_pad && node.attr_int("ceil_mode", 0) != 0) {
      fail(node, "ceil_mode together with count_include_pad");
    }
  }
  if (p.window.kernel_h > 65536 / p.window.kernel_w) {
    fail(node, fmt::format("averages {}x{} values, legal is at most 65536", p.window.kernel_h,
                           p.window.kernel_w));
  }
  p.base_extents = p.extents = {e[kAxisC], p.window.out_h, p.window.out_w};
  p.view = last ? image_last_view(p.extents) : image_view(p.extents);
  store(node, std::move(p),
        q ? std::optional(params(node, 3, 4, params_of(x.tensor).from_uint8)) : std::nullopt);
}

// Over height and width: a global average.
void QImporter::reduce_mean(const Node& node) {
  const Activation x = reals(node, 0);
  const Extents e = extents(x.tensor);
  const size_t rank = x.view.dims.size();
  std::vector<bool> reduced(rank, false);
  for (int64_t axis : named_axes(node, graph_.constants, rank)) {
    reduced[static_cast<size_t>(axis)] = true;
  }
  const bool keep = node.attr_int("keepdims", 1) != 0;
  size_t out_rank = 0, channel = 0;
  for (size_t d = 0; d < rank; ++d) {
    for (const int axis : x.view.dims[d]) {
      if (reduced[d] != (axis != kAxisC)) fail(node, "is not over height and width alone");
      if (axis == kAxisC) channel = out_rank;
    }
    out_rank += keep || !reduced[d] ? 1 : 0;
  }
  Pending p;
  p.base = Pending::Base::kAverage;
  p.name = node.name;
  p.inputs = {x.tensor};
  p.window.kernel_h = e[kAxisH];
  p.window.kernel_w = e[kAxisW];
  if (p.window.kernel_h > 65536 / p.window.kernel_w) {
    fail(node, fmt::format("averages {}x{} values, legal is at most 65536", e[1], e[2]));
  }
  p.base_extents = p.extents = {e[kAxisC], 1, 1};
  p.view = channel_view(p.extents, out_rank, channel);
  store(node, std::move(p), std::nullopt);
}

void QImporter::max_pool(const Node& node) {
  if (node.outputs.size() > 1 && !node.outputs[1].empty()) fail(node, "has an output of indices");
  const Window2d w = pool_window(node, shape(name_of(node, 0)));
  if (const auto* before = std::get_if<Pending>(&value(node, 0))) {
    Pending p = *before;
    require_image(node, p.view, p.extents, false);
    p.pools.emplace_back(node.name, w);
    p.extents = {p.extents[kAxisC], w.out_h, w.out_w};
    p.view = image_view(p.extents);
    return store(node, std::move(p), std::nullopt);
  }
  const Activation x = resolve(node, 0);
  require_image(node, x.view, extents(x.tensor), false);
  Pending p;
  p.name = node.name;
  p.inputs = {x.tensor};
  p.base_extents = extents(x.tensor);
  p.pools = {{node.name, w}};
  p.extents = {p.base_extents[kAxisC], w.out_h, w.out_w};
  const int tensor = emit(p, params_of(x.tensor), node.outputs.at(0));
  define(node, tensor, image_view(p.extents), x.real);
}

void QImporter::concat(const Node& node) {
  const bool q = is_qlinear(node);
  const size_t first = q ? 2 : 0, step = q ? 3 : 1;
  Pending p;
  p.base = Pending::Base::kConcat;
  p.name = node.name;
  for (size_t i = first; i < node.inputs.size(); i += step) {
    const Activation x = q ? integers(node, i, i + 1, i + 2) : reals(node, i);
    const Extents e = extents(x.tensor);
    // A single channel is nowhere in a view: its place is that of the other inputs' channels.
    const auto axis = static_cast<size_t>(
        checked_axis(node, node.attr_int("axis", 1), x.view.dims.size()));
    View view = x.view;
    if (e[kAxisC] == 1 && view.dims[axis].empty()) view.dims[axis] = {kAxisC};
    if (view.dims[axis] != std::vector<int>{kAxisC}) fail(node, "is not along the channels alone");
    if (p.inputs.empty()) {
      p.base_extents = e;
      p.view = view;
    } else {
      if (view != p.view || e[kAxisH] != p.base_extents[kAxisH] ||
          e[kAxisW] != p.base_extents[kAxisW]) {
        fail(node, "joins images of different layouts or sizes");
      }
      p.base_extents[kAxisC] += e[kAxisC];
    }
    p.inputs.push_back(x.tensor);
  }
  if (p.inputs.empty()) fail(node, "has no inputs");
  p.extents = p.base_extents;
  if (p.extents[kAxisC] == 1) {
    for (auto& axes : p.view.dims) {
      if (axes == std::vector<int>{kAxisC}) axes.clear();
    }
  }
  std::optional<QParams> out;
  if (q) out = params(node, 0, 1, params_of(p.inputs[0]).from_uint8);
  store(node, std::move(p), out);
}

}  // namespace aap
