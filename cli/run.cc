// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <memory>

#include "cli/cli.h"
#include "cli/layer_table.h"
#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"
#include "golden/golden.h"
#include "model/float_executor.h"
#include "model/npy.h"
#include "verif/compare_model.h"
#include "verif/evaluate.h"

namespace aap::cli {
namespace {

struct RunArguments {
  std::string file, engine = "golden", network, config = "configs/board.yaml";
  int64_t images = 0, first = 0;
  int jobs = default_threads();
  uint32_t seed = 1;
  bool json = false, per_layer = false, compare_model = false;
  std::string outputs, expected;  // npy
  verif::SessionOptions session;
  DataOptions data;
};

using Json = nlohmann::ordered_json;

Json base_result(const RunArguments& a, int64_t images) {
  return {{"file", a.file}, {"engine", a.engine}, {"first_image", a.first}, {"images", images}};
}

int64_t image_count(const RunArguments& a, const Dataset& data, int64_t fallback) {
  const int64_t n = a.images > 0 ? a.images : std::min(fallback, data.count() - a.first);
  if (a.first < 0 || n < 1 || a.first + n > data.count()) {
    throw_input("{}: images {}..{} asked for, legal is 0..{}", data.name, a.first, a.first + n - 1, data.count() - 1);
  }
  return n;
}

int run_float(const RunArguments& a) {
  const Graph graph = read_onnx(a.file);
  const auto executor = in_file(a.file, [&] { return FloatExecutor(graph); });
  const Dataset data = a.data.load();
  const int64_t n = image_count(a, data, data.count());
  const Preprocessing preprocessing = in_file(a.file, [&] { return preprocessing_of(graph.metadata, graph.name); });
  const int64_t batch = in_file(a.file, [&] { return images_at_once(graph, 500); });
  ProgressLine progress("float images");
  int64_t correct = 0;
  for (int64_t i = 0; i < n; i += batch) {
    const int64_t count = std::min(batch, n - i);
    FloatTensor x = data.batch(a.first + i, count, preprocessing);
    // Arrays may leave out dimensions of 1.
    Shape shape = graph.inputs.at(0).shape;
    if (!shape.empty()) shape[0] = count;
    if (data.kind != DataKind::kPixels && element_count(shape) == x.size()) x.shape = shape;
    // It is the data that does not fit, so the message names it.
    bool fits = shape.empty() || shape.size() == x.shape.size();
    for (size_t d = 1; fits && d < shape.size(); ++d) fits = shape[d] < 0 || shape[d] == x.shape[d];
    if (!fits) {
      throw_input("{}: data set '{}' gives inputs of {}, the network's are {}", a.file, data.name,
                  fmt::join(x.shape, " x "), fmt::join(shape, " x "));
    }
    const FloatTensor y = in_file(a.file, [&] { return executor.run(x, a.jobs); });
    const int64_t classes = y.size() / count;
    for (int64_t b = 0; b < count; ++b) {
      const auto begin = y.data.begin() + b * classes;
      correct += std::max_element(begin, begin + classes) - begin ==
                 data.labels[static_cast<size_t>(a.first + i + b)];
    }
    progress(i + count, n);
  }
  const double accuracy = 100.0 * static_cast<double>(correct) / static_cast<double>(n);
  Json j = base_result(a, n);
  j["accuracy"] = accuracy;
  if (a.json) print_json(j);
  else fmt::print("{}: float, {:.2f} % of {} images\n", a.file, accuracy, n);
  return kOk;
}

// Outputs of the file's graph against those of another runtime, in steps of the output's scale.
struct Differences {
  int64_t compared = 0, different = 0, largest = 0, argmax_equal = 0;
};

Differences differences(const QNetwork& network, const FloatTensor& got, const std::string& path, int64_t first) {
  const Constant read = read_npy(path);
  const int64_t n = got.shape.at(0), classes = got.shape.at(1);
  std::vector<double> want;
  std::visit([&](const auto& t) {
    if (t.shape.size() < 2 || t.size() != t.shape[0] * classes || t.shape[0] < first + n) {
      throw_input("{}: shape is ({}), the network's outputs are {} x {}", path, fmt::join(t.shape, ", "), first + n, classes);
    }
    want.assign(t.data.begin() + first * classes, t.data.begin() + (first + n) * classes);
  }, read);
  // Integers count as they are; floats are multiples of the last scale where one is left to count by.
  double step = 1.0;
  if (network.output_real) {
    step = network.softmax_params ? static_cast<double>(network.softmax_params->scale)
                                  : network.tensors.at(static_cast<size_t>(network.output)).scale;
  }
  Differences d;
  for (int64_t i = 0; i < n; ++i) {
    const auto row = got.data.begin() + i * classes;
    const auto other = want.begin() + i * classes;
    for (int64_t k = 0; k < classes; ++k) {
      // Within int64 whatever the other runtime's file holds.
      const auto steps = static_cast<int64_t>(std::llround(std::min(1e18, std::fabs(row[k] - other[k]) / step)));
      ++d.compared;
      d.different += steps != 0 ? 1 : 0;
      d.largest = std::max(d.largest, steps);
    }
    d.argmax_equal += std::max_element(row, row + classes) - row == std::max_element(other, other + classes) - other;
  }
  return d;
}

int run_golden(const RunArguments& a) {
  const QNetwork network = load_network(a.file);
  const Dataset data = a.data.load();
  const int64_t n = image_count(a, data, data.count());
  ProgressLine progress("golden images");
  const int64_t classes = network.tensors.at(static_cast<size_t>(network.output)).channels *
                          network.tensors.at(static_cast<size_t>(network.output)).height *
                          network.tensors.at(static_cast<size_t>(network.output)).width;
  FloatTensor outputs({n, classes});
  const double accuracy = evaluate(
      network, data, a.first, n, a.jobs, [&](int64_t d, int64_t t) { progress(d, t); },
      [&](int64_t image, const Int8Tensor& y) {
        const FloatTensor out = host_output(network, y);
        std::copy(out.data.begin(), out.data.end(), outputs.data.begin() + (image - a.first) * classes);
      });
  Json j = base_result(a, n);
  j["accuracy"] = accuracy;
  if (!a.outputs.empty()) write_npy(outputs, a.outputs);
  const Differences d = a.expected.empty() ? Differences{} : differences(network, outputs, a.expected, a.first);
  if (!a.expected.empty()) {
    j["expected"] = a.expected;
    j["values_compared"] = d.compared;
    j["values_different"] = d.different;
    j["largest_difference"] = d.largest;
    j["argmax_equal"] = d.argmax_equal;
  }
  if (a.json) {
    print_json(j);
  } else {
    fmt::print("{}: golden, {:.2f} % of {} images\n", a.file, accuracy, n);
    if (!a.expected.empty()) {
      fmt::print("{} of {} values differ from {}, by {} steps at most; {} of {} images have the same class\n", d.different,
                 d.compared, a.expected, d.largest, d.argmax_equal, n);
    }
  }
  return kOk;
}

int64_t kept_macs(const Program& p) {
  int64_t macs = 0;
  for (const ProgramLayer& l : p.layers) macs += l.macs_kept;
  return macs;
}

// What cycle model and RTL need alike.
struct Loaded {
  Program program;
  Config config;
  QNetwork network;
};

Loaded load_all(const RunArguments& a) {
  if (a.network.empty()) throw_input("--engine {} needs --network, the quantised ONNX file that {} was compiled from", a.engine, a.file);
  Loaded l{read_program(a.file), load_config(a.config), load_network(a.network)};
  in_file(a.file, [&] {
    require_config(l.program, l.config);
    require_network(l.program, l.network);
  });
  return l;
}

int run_model(const RunArguments& a) {
  const Loaded l = load_all(a);
  const Golden golden(l.network);
  const Dataset data = a.data.load();
  const int64_t abreast = l.program.images;
  const int64_t n = image_count(a, data, abreast), starts = (n + abreast - 1) / abreast;
  const size_t maps = l.program.maps.size() / static_cast<size_t>(abreast);
  const size_t layers_per_image = l.program.layers.size() / static_cast<size_t>(abreast);
  ProgressLine progress("cycle model images");
  const ModelOptions options = verif::model_options(a.session.memory);
  uint64_t values = 0, mismatches = 0, cycles = 0;
  int64_t correct = 0;
  Json layers = Json::array();
  CycleCounts counts;
  std::string first_difference;
  for (int64_t start = 0; start < starts; ++start) {
    std::vector<uint8_t> memory;
    load_image(l.program, memory);
    std::vector<Int8Tensor> inputs;
    for (int64_t place = 0; place < abreast; ++place) {
      // In the last start the last image fills the places left over; they are not counted.
      const int64_t image = std::min(start * abreast + place, n - 1);
      inputs.push_back(quantise_input(l.network, data, a.first + image));
      const size_t map = static_cast<size_t>(l.program.input) + static_cast<size_t>(place) * maps;
      place_tensor(l.program.maps.at(map), l.config, inputs.back(), memory.data());
    }
    const ModelResult r = aap::run_model(l.program, l.config, memory, options);
    if (!r.ok()) {
      throw_input("{}: cycle model stops: {}", a.file, r.hazards.empty() ? r.error_text : r.hazards.front());
    }
    std::vector<Int8Tensor> want;
    for (size_t k = 0; k < l.program.layers.size(); ++k) {
      const ProgramLayer& layer = l.program.layers[k];
      const size_t place = k / layers_per_image;
      const int64_t i = start * abreast + static_cast<int64_t>(place);
      if (i >= n) break;
      if (k % layers_per_image == 0) {
        want = golden.run(inputs[place]);
        const size_t output = static_cast<size_t>(l.program.output) + place * maps;
        const Int8Tensor out = fetch_tensor(l.program.maps.at(output), l.config, memory.data());
        correct += argmax(out) == data.labels[static_cast<size_t>(a.first + i)];
      }
      if (layer.output < 0) continue;
      const FeatureMap& map = l.program.maps.at(static_cast<size_t>(layer.output));
      if (map.tensor < 0) continue;
      const Int8Tensor got = fetch_tensor(map, l.config, memory.data());
      const Int8Tensor& expected = want.at(static_cast<size_t>(map.tensor));
      for (size_t v = 0; v < got.data.size(); ++v) {
        ++values;
        if (got.data[v] == expected.data[v]) continue;
        if (mismatches++ == 0) {
          const int64_t area = map.height * map.width, at = static_cast<int64_t>(v);
          first_difference = fmt::format("image {} layer {} tensor {} pixel ({}, {}) channel {}: expected {}, got {}",
                                         a.first + i, layer.name, map.name, at % area / map.width, at % map.width,
                                         at / area, expected.data[v], got.data[v]);
        }
      }
    }
    cycles += r.cycles;
    if (start == 0) {
      counts = r.counts;
      std::vector<uint64_t> ends;
      for (size_t k = 0; k < l.program.layers.size(); ++k) ends.push_back(r.layers.at(k).written);
      const std::vector<uint64_t> times = verif::cycles_between(ends);
      for (size_t k = 0; k < l.program.layers.size(); ++k) {
        layers.push_back(layer_json(l.program.layers[k], l.program, l.config, options, times[k], &r.layers.at(k).counts));
      }
    }
    progress(std::min((start + 1) * abreast, n), n);
  }
  const uint64_t per_image = cycles / static_cast<uint64_t>(starts * abreast);
  Json j = base_result(a, n);
  j["images_per_start"] = abreast;
  j["starts"] = starts;
  j["values_compared"] = values;
  j["mismatches"] = mismatches;
  j["accuracy"] = 100.0 * static_cast<double>(correct) / static_cast<double>(n);
  j["cycles"] = cycles;
  j["cycles_per_image"] = per_image;
  j["mac_use"] = static_cast<double>(kept_macs(l.program)) * static_cast<double>(starts) /
                 (static_cast<double>(cycles) * l.config.multipliers());
  for (const CycleCause& cause : kCycleCauses) j[cause.key] = counts.*cause.member;
  j["layers"] = layers;
  if (!first_difference.empty()) j["first_mismatch"] = first_difference;
  if (a.json) {
    print_json(j);
  } else {
    print_layers(layers);
    fmt::print("{}: cycle model, {} images, {} values compared, {} mismatches, {} cycles per image\n", a.file, n,
               values, mismatches, per_image);
  }
  if (mismatches > 0) fmt::print(stderr, "aap: first mismatch: {}\n", first_difference);
  return mismatches == 0 ? kOk : kMismatch;
}

int run_rtl(RunArguments& a) {
  const Loaded l = load_all(a);
  const Golden golden(l.network);
  const Dataset data = a.data.load();
  const int64_t n = image_count(a, data, l.program.images);
  a.session.seed = a.seed;
  a.session.memory.seed = a.seed;
  verif::ModelOf compare;
  std::vector<CycleCounts> counts;  // per layer: RTL has them only in sum, and the model's sums are compared with those
  if (a.compare_model) {
    if (!verif::model_applies(a.session.memory)) throw_input("--compare-model: the cycle model knows no --stall-percent; legal is 0");
    compare = [&](const verif::JobResult& job, const verif::BusRecord& bus) {
      return verif::compare_with_model(l.program, l.config, a.session.memory, job, &bus, &counts);
    };
  }
  ProgressLine progress("RTL images");
  const verif::Evaluation e = verif::evaluate_rtl(
      l.program, l.config, data, a.first, n, a.jobs, a.session,
      [&](const Dataset& set, int64_t image) { return quantise_input(l.network, set, image); },
      [&](const Int8Tensor& input) { return golden.run(input); },
      [&](int64_t d, int64_t t) { progress(d, t); }, compare);
  const uint64_t cycles = e.total_cycles / static_cast<uint64_t>(e.starts * l.program.images);
  const double use = static_cast<double>(kept_macs(l.program)) /
                     (static_cast<double>(cycles) * l.program.images * l.config.multipliers());
  Json j = base_result(a, e.images);
  j["images_per_start"] = l.program.images;
  j["starts"] = e.starts;
  j["config"] = l.config.name;
  j["seed"] = a.seed;
  j["read_latency"] = a.session.memory.read_latency;
  j["write_latency"] = a.session.memory.write_latency;
  j["values_compared"] = e.values_compared;
  j["mismatches"] = e.mismatches;
  j["accuracy"] = 100.0 * static_cast<double>(e.correct) / static_cast<double>(e.images);
  j["cycles"] = e.total_cycles;
  j["cycles_per_image"] = cycles;
  j["mac_use"] = use;
  for (const CycleCause& cause : kCycleCauses) j[cause.key] = e.job.counts.*cause.member;
  j["kcycles_per_second"] = e.kcycles_per_second();
  j["layers"] = Json::array();
  for (size_t k = 0; k < l.program.layers.size(); ++k) {
    j["layers"].push_back(layer_json(l.program.layers[k], l.program, l.config, verif::model_options(a.session.memory),
                                     e.layers.at(k).cycles, counts.empty() ? nullptr : &counts.at(k)));
  }
  if (a.compare_model) j["model_difference"] = e.model_difference;
  const std::string difference =
      e.first_mismatch ? fmt::format("image {} {}", e.first_mismatch_image, e.first_mismatch->to_string()) : "";
  if (!difference.empty()) j["first_mismatch"] = difference;
  if (a.json) {
    print_json(j);
  } else {
    print_layers(j["layers"]);
    fmt::print("{}: RTL of {}, seed {}: {} images, {} values compared, {} mismatches, {} cycles per image, MAC use {:.1f} %, "
               "{:.0f} kcycle/s\n", a.file, l.config.name, a.seed, e.images, e.values_compared, e.mismatches, cycles,
               100 * use, e.kcycles_per_second());
  }
  if (e.mismatches > 0) {
    // The start that it was in.
    const int64_t repeat = e.first_mismatch_image - (e.first_mismatch_image - a.first) % l.program.images;
    fmt::print(stderr, "aap: first mismatch: {}\naap: repeat with: aap run {} --engine rtl --network {} --config {} --first {} --images {} --seed {}\n",
               difference, a.file, a.network, a.config, repeat, std::min<int64_t>(l.program.images, a.first + n - repeat), a.seed);
  }
  if (!e.model_difference.empty()) fmt::print(stderr, "aap: cycle model differs from RTL: {}\n", e.model_difference);
  else if (a.compare_model && !a.json) fmt::print("cycle model: the same cycles, counters and bus events\n");
  return e.mismatches == 0 && e.model_difference.empty() ? kOk : kMismatch;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("run", "Run a network or program and compare every layer with golden");
  sub->footer("Examples:\n  aap run net.onnx --engine float\n  aap run net_int8.onnx --engine golden --images 1000\n"
              "  aap run net.aap --engine model --network net_int8.onnx --config configs/board.yaml\n"
              "  aap run net.aap --engine rtl --network net_int8.onnx --config configs/board.yaml --images 100\n"
              "  aap run net.aap --engine rtl --network net_int8.onnx --trace out/net.fst --trace-from 1000 --trace-to 3000");
  auto a = std::make_shared<RunArguments>();
  sub->add_option("file", a->file, "ONNX file (float, golden) or program (model, rtl)")->required();
  sub->add_option("--engine", a->engine)->check(CLI::IsMember({"float", "golden", "model", "rtl"}))->capture_default_str();
  sub->add_option("--network", a->network, "quantised ONNX file that the program was compiled from");
  sub->add_option("--config", a->config, "configuration of the program")->capture_default_str();
  sub->add_option("--images", a->images, "number of images; default all (float, golden) or those of one start (model, rtl); the last start of a program of several "
                  "images computes its last image again where the number is no multiple");
  sub->add_option("--first", a->first, "first image")->capture_default_str();
  sub->add_option("--jobs", a->jobs, "threads or simulators side by side")->check(CLI::Range(1, 256))->capture_default_str();
  sub->add_option("--seed", a->seed, "32-bit: random initial state and stalls of the RTL")->capture_default_str();
  sub->add_option("--read-latency", a->session.memory.read_latency, "cycles")->check(CLI::Range(1, 100000))->capture_default_str();
  sub->add_option("--write-latency", a->session.memory.write_latency, "cycles")->check(CLI::Range(1, 100000))->capture_default_str();
  sub->add_option("--stall-percent", a->session.memory.stall_percent, "random stalls of the memory (rtl)")->check(CLI::Range(0, 95))->capture_default_str();
  sub->add_option("--cycles-per-beat", a->session.memory.cycles_per_beat, "of each channel of the memory")->check(CLI::Range(1, 1000))->capture_default_str();
  sub->add_flag("--shared-bandwidth", a->session.memory.shared_bandwidth, "reads and writes share them");
  sub->add_flag("--compare-model", a->compare_model, "compare every cycle with the cycle model, and say where they part (rtl)");
  sub->add_option("--trace", a->session.trace.path, "FST wave file; a .gtkw view is written beside it (rtl)");
  sub->add_option("--trace-from", a->session.trace.first_cycle, "first cycle traced")->capture_default_str();
  sub->add_option("--trace-to", a->session.trace.last_cycle, "last cycle traced");
  sub->add_option("--outputs", a->outputs, "npy file for the outputs of the ONNX file's graph (golden)");
  sub->add_option("--expected", a->expected, "npy file of such outputs by another runtime, for all inputs: counts the values that differ (golden)");
  sub->add_flag("--json", a->json, "result as JSON");
  a->data.add(*sub, "test");
  sub->callback([a, &action] {
    action = [a] {
      if (a->engine == "float") return run_float(*a);
      if (a->engine == "golden") return run_golden(*a);
      if (a->engine == "model") return run_model(*a);
      return run_rtl(*a);
    };
  });
}

}  // namespace aap::cli
