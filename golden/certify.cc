// SPDX-License-Identifier: Apache-2.0
#include "golden/certify.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "golden/requantise.h"

namespace aap {
namespace {

// The values a tensor can hold: what its producer's clamp leaves.
struct Interval {
  int lo = -128, hi = 127;
};

class Certifier {
 public:
  Certifier(const Graph& graph, const QNetwork& network)
      : net_(network), forms_(onnx_forms(graph, network)), range_(network.tensors.size()) {}

  Certificate run() {
    Certificate certificate;
    certificate.network = net_.name;
    for (size_t i = 0; i < net_.layers.size(); ++i) {
      const QLayer& layer = net_.layers[i];
      set_range(layer);
      CertifiedLayer c;
      c.name = layer.name;
      c.op = forms_[i].op.empty() ? to_string(layer.op) : forms_[i].op;
      switch (layer.op) {
        case QOp::kConv:
          conv(layer, c);
          break;
        case QOp::kAveragePool:
          average(layer, forms_[i], c);
          break;
        case QOp::kAdd:
          add(layer, forms_[i], c);
          break;
        case QOp::kIdentity:
          identity(layer, c);
          break;
        case QOp::kMaxPool:
        case QOp::kConcat:
          continue;  // nothing is multiplied
      }
      certificate.layers.push_back(std::move(c));
    }
    return certificate;
  }

 private:
  const QTensorInfo& tensor(int t) const { return net_.tensors[static_cast<size_t>(t)]; }
  const Interval& range(int t) const { return range_[static_cast<size_t>(t)]; }

  void set_range(const QLayer& layer) {
    Interval r{layer.lo, layer.hi};
    if (layer.op == QOp::kMaxPool || layer.op == QOp::kConcat) {
      Interval in{127, -128};
      for (const int t : layer.inputs) {
        in.lo = std::min(in.lo, range(t).lo);
        in.hi = std::max(in.hi, range(t).hi);
      }
      r = {std::clamp(in.lo, layer.lo, layer.hi), std::clamp(in.hi, layer.lo, layer.hi)};
    }
    range_[static_cast<size_t>(layer.output)] = r;
  }

  void conv(const QLayer& layer, CertifiedLayer& c) const {
    c.domain = "accumulators";
    const Interval& in = range(layer.inputs[0]);
    for (size_t m = 0; m < layer.requant.size(); ++m) {
      const Requantisation r = layer.requant[m];
      const AccumulatorRange reach = reachable(layer, static_cast<int64_t>(m),
                                               tensor(layer.inputs[0]).zero_point, in.lo, in.hi);
      const auto scale = std::ldexp(static_cast<float>(r.multiplier), -r.shift);
      c.channels.push_back(
          {static_cast<int64_t>(m), r, reach.values(),
           count_differences(
               [&](int64_t acc) {
                 return requantise(acc, r, layer.output_zero_point, layer.lo, layer.hi);
               },
               [&](int64_t acc) {
                 return std::clamp<int>(onnx_requantise(acc, scale, layer.output_zero_point),
                                        layer.lo, layer.hi);
               },
               reach),
           reach.low});
    }
  }

  // Numbers of values that some window of the layer counts.
  std::set<int64_t> counts(const QLayer& layer) const {
    const QTensorInfo& x = tensor(layer.inputs[0]);
    const QTensorInfo& y = tensor(layer.output);
    const auto along = [&](int64_t out, int64_t stride, int64_t kernel, int64_t dilation,
                           int64_t pad, int64_t pad_end, int64_t size) {
      std::set<int64_t> found;
      for (int64_t o = 0; o < out; ++o) {
        int64_t n = 0;
        for (int64_t k = 0; k < kernel; ++k) {
          const int64_t i = o * stride + k * dilation - pad;
          const bool inside = i >= 0 && i < size;
          n += inside || (layer.count_include_pad && i < size + pad_end) ? 1 : 0;
        }
        found.insert(n);
      }
      return found;
    };
    std::set<int64_t> all;
    for (const int64_t h : along(y.height, layer.stride_h, layer.kernel_h, layer.dilation_h,
                                 layer.pad_top, layer.pad_bottom, x.height)) {
      for (const int64_t w : along(y.width, layer.stride_w, layer.kernel_w, layer.dilation_w,
                                   layer.pad_left, layer.pad_right, x.width)) {
        all.insert(h * w);
      }
    }
    return all;
  }

  void average(const QLayer& layer, const OnnxForm& form, CertifiedLayer& c) const {
    c.domain = "sums";
    const QTensorInfo& x = tensor(layer.inputs[0]);
    const OnnxScale sx = onnx_scale(x), sy = onnx_scale(tensor(layer.output));
    const int offset = sy.from_uint8 ? 128 : 0;
    const Interval& in = range(layer.inputs[0]);
    for (const int64_t n : counts(layer)) {
      if (n < 1) continue;  // golden refuses such a window
      const Requantisation r = layer.requant[static_cast<size_t>(n - 1)];
      // Padding that counts reads the zero point.
      const int low = std::min(in.lo - x.zero_point, layer.count_include_pad ? 0 : 255);
      const int high = std::max(in.hi - x.zero_point, layer.count_include_pad ? 0 : -255);
      const AccumulatorRange reach{n * low, n * high};
      const bool global = form.op == "QLinearGlobalAveragePool";
      if (!global && !onnx_sum_is_exact(sx.scale, n)) c.function_of_accumulator = false;
      const float scale = onnx_global_average_scale(sx.scale, sy.scale, n);
      const StepFunction runtime = [&](int64_t sum) {
        int value = 0;
        if (global) {
          value = onnx_requantise(sum, scale, layer.output_zero_point);
        } else if (form.floats || form.op.empty()) {
          value = onnx_float_average(sum, sx.scale, n, sy) - offset;
        } else {
          value = onnx_linear_average(sum, sx.scale, n, sy) - offset;
        }
        return std::clamp(value, layer.lo, layer.hi);
      };
      c.channels.push_back(
          {n, r, reach.values(),
           count_differences(
               [&](int64_t sum) {
                 return requantise(sum, r, layer.output_zero_point, layer.lo, layer.hi);
               },
               runtime, reach),
           reach.low});
    }
  }

  void add(const QLayer& layer, const OnnxForm& form, CertifiedLayer& c) const {
    c.domain = "pairs of inputs";
    const QTensorInfo &ta = tensor(layer.inputs[0]), &tb = tensor(layer.inputs[1]);
    const OnnxScale sa = onnx_scale(ta), sb = onnx_scale(tb), sy = onnx_scale(tensor(layer.output));
    const int oa = sa.from_uint8 ? 128 : 0, ob = sb.from_uint8 ? 128 : 0;
    const int oy = sy.from_uint8 ? 128 : 0;
    const Interval &ra = range(layer.inputs[0]), &rb = range(layer.inputs[1]);
    CertifiedChannel pairs{0, {1, layer.add_shift}, 0, 0};
    for (int a = ra.lo; a <= ra.hi; ++a) {
      for (int b = rb.lo; b <= rb.hi; ++b) {
        const int64_t sum = int64_t{a} * layer.ma + int64_t{b} * layer.mb + layer.add_constant;
        const int mine = requantise(sum, {1, layer.add_shift}, layer.output_zero_point, layer.lo,
                                    layer.hi);
        const int theirs = form.floats ? onnx_float_add(a + oa, sa, b + ob, sb, sy)
                                       : onnx_linear_add(a + oa, sa, b + ob, sb, sy);
        ++pairs.reachable;
        pairs.differing += mine != std::clamp(theirs - oy, layer.lo, layer.hi) ? 1 : 0;
      }
    }
    c.channels.push_back(pairs);
  }

  void identity(const QLayer& layer, CertifiedLayer& c) const {
    c.domain = "inputs";
    const QTensorInfo& x = tensor(layer.inputs[0]);
    const OnnxScale from = onnx_scale(x), to = onnx_scale(tensor(layer.output));
    const Interval& in = range(layer.inputs[0]);
    CertifiedChannel all{0, layer.requant[0], 0, 0};
    for (int v = in.lo; v <= in.hi; ++v) {
      const int mine = requantise(v - x.zero_point, layer.requant[0], layer.output_zero_point,
                                  layer.lo, layer.hi);
      const int theirs = onnx_rescale(v + (from.from_uint8 ? 128 : 0), from, to) -
                         (to.from_uint8 ? 128 : 0);
      ++all.reachable;
      all.differing += mine != std::clamp(theirs, layer.lo, layer.hi) ? 1 : 0;
    }
    c.channels.push_back(all);
  }

  const QNetwork& net_;
  std::vector<OnnxForm> forms_;
  std::vector<Interval> range_;
};

// The smallest accumulator of range with f(acc) >= value; high + 1 when there is none. `from` is a
// lower bound of it.
int64_t threshold(const StepFunction& f, int value, int64_t from, int64_t high) {
  int64_t low = from, end = high + 1;
  while (low < end) {
    const int64_t middle = low + (end - low) / 2;
    if (f(middle) >= value) {
      end = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

int64_t count_differences(const StepFunction& a, const StepFunction& b, AccumulatorRange range) {
  const int first = std::min(a(range.low), b(range.low));
  const int last = std::max(a(range.high), b(range.high));
  int64_t differing = 0, counted_to = range.low, ta = range.low, tb = range.low;
  for (int value = first + 1; value <= last; ++value) {
    ta = threshold(a, value, ta, range.high);
    tb = threshold(b, value, tb, range.high);
    // Between the thresholds exactly one of the two has reached `value`. Thresholds never decrease,
    // so what an earlier value counted already ends at counted_to.
    const int64_t begin = std::max(std::min(ta, tb), counted_to);
    const int64_t end = std::max(ta, tb);
    if (end > begin) differing += end - begin;
    counted_to = std::max(counted_to, end);
  }
  return differing;
}

AccumulatorRange reachable(const QLayer& conv, int64_t m, int zero_point, int lo, int hi) {
  const bool pads =
      conv.pad_top + conv.pad_left + conv.pad_bottom + conv.pad_right > 0;
  const int64_t low = pads ? std::min(lo, zero_point) : lo;
  const int64_t high = pads ? std::max(hi, zero_point) : hi;
  const int64_t taps = conv.weights.size() / conv.weights.shape[0];
  AccumulatorRange r{conv.bias[static_cast<size_t>(m)], conv.bias[static_cast<size_t>(m)]};
  for (int64_t i = 0; i < taps; ++i) {
    const int64_t w = conv.weights.data[static_cast<size_t>(m * taps + i)];
    r.low += w * (w > 0 ? low : high);
    r.high += w * (w > 0 ? high : low);
  }
  return r;
}

int64_t CertifiedLayer::reachable() const {
  int64_t sum = 0;
  for (const CertifiedChannel& c : channels) sum += c.reachable;
  return sum;
}

int64_t CertifiedLayer::differing() const {
  int64_t sum = 0;
  for (const CertifiedChannel& c : channels) sum += c.differing;
  return sum;
}

int64_t Certificate::reachable() const {
  int64_t sum = 0;
  for (const CertifiedLayer& l : layers) sum += l.reachable();
  return sum;
}

int64_t Certificate::differing() const {
  int64_t sum = 0;
  for (const CertifiedLayer& l : layers) sum += l.differing();
  return sum;
}

int64_t Certificate::differing_channels() const {
  int64_t sum = 0;
  for (const CertifiedLayer& l : layers) {
    for (const CertifiedChannel& c : l.channels) sum += c.differing != 0 ? 1 : 0;
  }
  return sum;
}

bool Certificate::exact() const {
  return std::all_of(layers.begin(), layers.end(), [](const CertifiedLayer& l) {
    return l.function_of_accumulator && l.differing() == 0;
  });
}

Certificate certify(const Graph& graph, const QNetwork& network) {
  validate(network);
  return Certifier(graph, network).run();
}

}  // namespace aap
