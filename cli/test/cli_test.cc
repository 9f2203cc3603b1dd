// SPDX-License-Identifier: Apache-2.0
// The aap command as a user meets it: exit codes, one-line errors, files whole or not at all.
#define BOOST_TEST_MODULE cli
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cli/test/run_aap.h"

namespace fs = std::filesystem;
using namespace cli_test;

namespace {

// Float, pruned, quantised and compiled reference network, made once.
struct Files {
  Folder folder;
  std::string pruned = folder / "pruned.onnx", int8 = folder / "int8.onnx", program = folder / "net.aap";
  Files() {
    BOOST_REQUIRE(aap("prune " + kFloat + " --keep 4 --group 16 -o " + pruned).code == 0);
    BOOST_REQUIRE(aap("quantize " + pruned + " --images 32 -o " + int8).code == 0);
    BOOST_REQUIRE(aap("compile " + int8 + " --config configs/board.yaml -o " + program).code == 0);
  }
};

Files& files() {
  static Files f;
  return f;
}

}  // namespace

BOOST_AUTO_TEST_CASE(help_has_examples) {
  for (const char* sub : {"train", "prune", "recipe", "check", "bench", "quantize", "compile", "fit", "run", "dump", "report"}) {
    const Output o = aap(std::string(sub) + " --help");
    BOOST_TEST(o.code == 0);
    BOOST_TEST(o.out.find("Example") != std::string::npos, sub);
  }
  BOOST_TEST(aap("--help").out.find("Exit codes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(usage_errors_give_2) {
  refuses("", "subcommand");
  refuses("prnue x", "subcommand");
  refuses("prune", "input");
  refuses("run x --engine magic", "magic");
  refuses("prune " + kFloat, "--output");
  refuses("prune " + kFloat + " --keep 17 --plan", "17");
  refuses("prune " + kFloat + " --keep-of nosuch=4 --plan", "nosuch");
  refuses("run " + kFloat + " --engine float --images 20000", "0..19999");
}

BOOST_AUTO_TEST_CASE(missing_files_are_named) {
  refuses("prune /nowhere.onnx --plan", "/nowhere.onnx");
  refuses("compile " + kFloat + " --config /nowhere.yaml -o x", "/nowhere.yaml");
  refuses("run /nowhere.aap --engine model --network " + kFloat, "/nowhere.aap");
  refuses("check /nowhere.onnx", "/nowhere.onnx");
  refuses("report /nowhere", "/nowhere");
  refuses("run " + kFloat + " --engine float --images-file /no.idx --labels-file /no.idx", "/no.idx");
}

BOOST_AUTO_TEST_CASE(the_check_passes_and_fails) {
  BOOST_TEST(aap("check " + files().pruned).code == 0);
  BOOST_TEST(aap("check " + files().int8).code == 0);
  BOOST_TEST(aap("check " + files().program).code == 0);
  refuses("check " + kFloat, "fashion_mnist.onnx");
}

BOOST_AUTO_TEST_CASE(exact_networks_are_certified) {
  const std::string exact = files().folder / "exact.onnx";
  BOOST_TEST(aap("quantize " + files().pruned + " --images 32 --exact -o " + exact).code == 0);
  BOOST_TEST(aap("check --exact " + exact).code == 0);
  const Output usual = aap("check --exact --json " + files().int8);
  BOOST_TEST(usual.code == 1);
  const auto j = nlohmann::json::parse(usual.out);
  BOOST_TEST(j["certificate"]["differing"] > 0);
  BOOST_TEST(j["certificate"]["layers"].size() == 18U);
  int64_t sum = 0;
  for (const auto& layer : j["certificate"]["layers"]) {
    for (const auto& channel : layer["channels"]) sum += channel["differing"].get<int64_t>();
  }
  BOOST_TEST(sum == j["certificate"]["differing"]);
  refuses("check --exact " + kFloat, "fashion_mnist.onnx");
}

BOOST_AUTO_TEST_CASE(a_written_recipe_prunes_like_the_options) {
  const std::string recipe = files().folder / "recipe.yaml", out = files().folder / "by_recipe.onnx";
  BOOST_REQUIRE(aap("recipe " + kFloat + " --keep 4 --group 16 -o " + recipe).code == 0);
  BOOST_REQUIRE(aap("prune " + kFloat + " --recipe " + recipe + " -o " + out).code == 0);
  BOOST_TEST((read_file(out) == read_file(files().pruned)));
  BOOST_TEST(aap("recipe " + kFloat).out == read_file(recipe));
  write_bytes(recipe, read_file(recipe) + "  - {name: nowhere, keep: 3}\n");
  refuses("prune " + kFloat + " --recipe " + recipe + " -o " + out, "layers 'nowhere' matches no layer");
  refuses("prune " + kFloat + " --recipe " + recipe + " --keep 4 -o " + out, "--recipe");
}

BOOST_AUTO_TEST_CASE(the_plan_gives_cycles_and_writes_nothing) {
  const std::string out = files().folder / "never.onnx";
  const Output o = aap("prune " + kFloat + " --plan --config configs/board.yaml --json -o " + out);
  BOOST_REQUIRE(o.code == 0);
  BOOST_TEST(!fs::exists(out));
  const auto j = nlohmann::json::parse(o.out);
  BOOST_TEST(j.at("cycles").get<int64_t>() < j.at("dense_cycles").get<int64_t>());
  int64_t sum = 0;
  for (const auto& l : j.at("layers")) {
    BOOST_TEST(!l.at("reason").get<std::string>().empty());
    BOOST_TEST(l.at("cycles").get<int64_t>() > 0);
    sum += l.at("cycles").get<int64_t>();
  }
  BOOST_TEST(sum > j.at("cycles").get<int64_t>() / 2);
  BOOST_TEST(sum <= j.at("cycles").get<int64_t>());
  refuses("prune " + kFloat + " --config configs/board.yaml -o " + out, "--config goes with --plan");
}

BOOST_AUTO_TEST_CASE(quantised_networks_are_pruned_and_programs_held_to_claims) {
  const std::string two = files().folder / "int8_2of16.onnx";
  BOOST_REQUIRE(aap("prune " + files().int8 + " --keep 2 --group 16 -o " + two).code == 0);
  BOOST_TEST(aap("check " + two).code == 0);
  refuses("prune " + files().int8 + " --recalibrate 8 -o " + two, "needs a float network");
  BOOST_TEST(aap("check " + files().program + " --network " + files().int8).code == 0);
  const Output o = aap("check " + files().program + " --network " + two);
  BOOST_TEST(o.code == 1);
  BOOST_TEST(o.out.find("weights for channels") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("at most 2 allowed") != std::string::npos, o.out);
  refuses("check " + files().program + " --config configs/small.yaml", "small");
  refuses("check " + files().pruned + " --network " + files().int8, "--network goes with a program");
}

BOOST_AUTO_TEST_CASE(a_killed_run_leaves_the_old_file) {
  const std::string out = files().folder / "kept.onnx", fresh = files().folder / "fresh.onnx";
  BOOST_REQUIRE(aap("prune " + kFloat + " --keep 2 --group 16 -o " + fresh).code == 0);
  const std::string before = read_file(files().pruned), after = read_file(fresh);
  BOOST_REQUIRE((before != after));
  int killed = 0;
  for (const char* seconds : {"0.001", "0.003", "0.01", "0.02", "0.03", "0.05", "0.1"}) {
    write_bytes(out, before);
    const std::string command = "timeout -s KILL " + std::string(seconds) + " " + kAap + " prune " + kFloat +
                                " --keep 2 --group 16 -o " + out + " >/dev/null 2>&1";
    const int status = std::system(command.c_str());
    const std::string now = read_file(out);
    BOOST_TEST((now == before || now == after), "killed after " << seconds << " s: " << now.size() << " bytes");
    if (status != 0) {
      ++killed;
      // Killed between the rename and the end, the new file may be there; never a part of it.
    } else {
      BOOST_TEST((now == after));
    }
  }
  BOOST_TEST(killed > 0);
}

BOOST_AUTO_TEST_CASE(bench_measures_the_selection) {
  const Output o = aap("bench prune --weights 320000 --rounds 2 --permute-rows 300 --permute-channels 64 --obs-rows 32 "
                       "--obs-columns 300 --json");
  BOOST_REQUIRE(o.code == 0);
  const auto j = nlohmann::json::parse(o.out);
  BOOST_TEST(j.at("variants_agree").get<bool>());
  BOOST_TEST(j.at("fraction_of_read_bandwidth").get<double>() > 0.0);
  BOOST_TEST(j.at("seconds_by_variant").contains("plain"));
  BOOST_TEST(j.contains("speedup_vs_libtorch_topk"));  // null, with the reason, without libtorch
  BOOST_TEST(!j.at("libtorch").get<std::string>().empty());
  BOOST_TEST(j.at("permutation_seconds").get<double>() > 0.0);
  BOOST_TEST(j.at("permutation_kept_after") > j.at("permutation_kept_before"));
  BOOST_TEST(j.at("permutation_kept_after") <= j.at("permutation_bound"));
  BOOST_TEST(j.at("obs_seconds").get<double>() > 0.0);
  BOOST_TEST(j.at("obs_error_over_magnitude") < 0.9);
  if (!j.at("obs_libtorch_seconds").is_null()) {
    // The same task solved: SparseGPT's fixed order is not far from this one's.
    BOOST_TEST(j.at("obs_libtorch_error_over_magnitude") < 1.0);
    BOOST_TEST(j.at("obs_libtorch_error_over_magnitude") > 0.8 * j.at("obs_error_over_magnitude").get<double>());
  }
  refuses("bench prune --group 33", "groups of 33");
}

BOOST_AUTO_TEST_CASE(truncated_onnx_is_refused_without_output) {
  const std::string whole = read_file(kFloat), cut = files().folder / "cut.onnx", out = files().folder / "never.onnx";
  for (const size_t n : {size_t{0}, size_t{1}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    write_bytes(cut, whole.substr(0, n));
    refuses("prune " + cut + " --keep 4 -o " + out, "cut.onnx");
    BOOST_TEST(!fs::exists(out));
  }
}

BOOST_AUTO_TEST_CASE(outputs_that_are_no_files_are_left_alone) {
  // A pipe stands for every device: renaming over it would replace it.
  const std::string folder = files().folder / "folder.onnx", pipe = files().folder / "pipe";
  fs::create_directories(folder);
  BOOST_REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  refuses("quantize " + files().pruned + " --images 8 -o " + folder, "not a regular file");
  refuses("compile " + files().int8 + " -o " + folder, "not a regular file");
  refuses("compile " + files().int8 + " -o " + pipe, "not a regular file");
  BOOST_TEST(fs::is_directory(folder));
  BOOST_TEST(fs::is_fifo(pipe));
  refuses("compile " + files().int8 + " -o /nowhere/x.aap", "/nowhere/x.aap: cannot write");
}

BOOST_AUTO_TEST_CASE(damaged_programs_are_refused) {
  const std::string whole = read_file(files().program), bad = files().folder / "bad.aap";
  for (const size_t n : {size_t{4}, size_t{40}, whole.size() / 2, whole.size() - 1}) {
    write_bytes(bad, whole.substr(0, n));
    refuses("dump " + bad, "bad.aap");
  }
  for (size_t at = 5; at < whole.size(); at += whole.size() / 40) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    write_bytes(bad, flipped);
    refuses("dump " + bad, "bad.aap");
  }
  refuses("run " + files().program + " --engine model --network " + files().int8 + " --config configs/small.yaml", "small");
}

BOOST_AUTO_TEST_CASE(bad_configurations_are_refused) {
  const std::string good = read_file("configs/board.yaml"), bad = files().folder / "bad.yaml", out = files().folder / "never.aap";
  for (const auto& [text, part] : {std::pair<std::string, std::string>{good + "group: 16\n", "twice"},
                                   {good + "colour: red\n", "colour"}, {good.substr(0, good.find('\n', good.size() / 2) + 1), "missing"},
                                   {"\x01\x02", "bad.yaml"}, {"a: [", "bad.yaml"}}) {
    write_bytes(bad, text);
    refuses("compile " + files().int8 + " --config " + bad + " -o " + out, part);
    BOOST_TEST(!fs::exists(out));
  }
}

BOOST_AUTO_TEST_CASE(damaged_images_are_refused) {
  const std::string idx = files().folder / "bad.idx";
  for (const std::string& text : {std::string(), std::string("\0\0\x08\x03", 4), std::string("\0\0\x08\x03\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff", 16)}) {
    write_bytes(idx, text);
    refuses("run " + kFloat + " --engine float --images-file " + idx + " --labels-file " + idx, "bad.idx");
  }
}

BOOST_AUTO_TEST_CASE(wrong_kind_of_file) {
  refuses("run " + kFloat + " --engine golden", "");
  refuses("compile " + kFloat + " -o " + (files().folder / "x.aap"), "");
  refuses("run configs/board.yaml --engine model --network " + files().int8, "board.yaml");
  write_bytes(files().folder / "prune.json", "{");
  refuses("report " + files().folder.path.string(), "prune.json");
}

BOOST_AUTO_TEST_CASE(json_is_json_and_stdout_is_only_that) {
  const Output plan = aap("prune " + kFloat + " --plan --json");
  const auto j = nlohmann::json::parse(plan.out);
  BOOST_TEST(j["layers"].size() == 14U);
  const Output model = aap("run " + files().program + " --engine model --network " + files().int8 + " --json");
  BOOST_TEST(model.code == 0);
  BOOST_TEST(nlohmann::json::parse(model.out)["mismatches"] == 0);
  BOOST_TEST(aap("fit " + files().int8 + " --json").code == 0);
  BOOST_TEST(nlohmann::json::parse(aap("dump " + files().program + " --json").out)["layers"].size() > 5U);
  BOOST_TEST(aap("dump " + files().program).out.find("EXEC") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_program_runs_where_it_was_compiled_for) {
  const std::string high = files().folder / "high.aap", compile = "compile " + files().int8 + " -o " + high;
  BOOST_REQUIRE(aap(compile + " --base 0x80000000 --memory-limit 0x80200000").code == 0);
  BOOST_TEST(nlohmann::json::parse(aap("dump " + high + " --json").out)["base"] == 0x80000000U);
  const Output run = aap("run " + high + " --network " + files().int8 + " --engine rtl --json");
  BOOST_REQUIRE_MESSAGE(run.code == 0, run.err);
  BOOST_TEST(nlohmann::json::parse(run.out)["mismatches"] == 0);
  refuses(compile + " --base 100", "not a multiple of 64");
  refuses(compile + " --base 0x80000000 --memory-limit 0x80001000", "the limit is");
}

BOOST_AUTO_TEST_CASE(several_images_in_one_start) {
  const std::string three = files().folder / "three.aap", compile = "compile " + files().int8 + " -o " + three;
  BOOST_REQUIRE(aap(compile + " --images 3").code == 0);
  BOOST_TEST(nlohmann::json::parse(aap("dump " + three + " --json").out)["images"] == 3);
  BOOST_TEST(aap("check " + three + " --network " + files().pruned).code == 0);
  // Four images are two starts, the second one for one image that counts.
  const std::string arguments = " --network " + files().int8 + " --images 4 --json --engine ";
  const Output one = aap("run " + files().program + arguments + "rtl"), rtl = aap("run " + three + arguments + "rtl --compare-model"),
               model = aap("run " + three + arguments + "model");
  BOOST_REQUIRE_MESSAGE(rtl.code == 0, rtl.err);
  const auto o = nlohmann::json::parse(one.out), r = nlohmann::json::parse(rtl.out), m = nlohmann::json::parse(model.out);
  BOOST_TEST((r["model_difference"] == ""));
  for (const char* key : {"images", "values_compared", "mismatches", "accuracy"}) BOOST_TEST((o[key] == r[key]), key);
  for (const char* key : {"images", "starts", "values_compared", "mismatches", "accuracy", "cycles", "cycles_per_image", "layers"}) {
    BOOST_TEST((m[key] == r[key]), key);
  }
  BOOST_TEST(r["starts"] == 2);
  BOOST_TEST(r["cycles_per_image"].get<int>() == r["cycles"].get<int>() / 6);
  BOOST_TEST(r["cycles_per_image"].get<int>() < o["cycles_per_image"].get<int>());
  refuses(compile + " --images 0", "legal is 1..64");
  refuses(compile + " --images 65", "legal is 1..64");
}

// The pruned and the dense reference network: RTL and cycle model have the same cycles, counters, layers and bus events.
BOOST_AUTO_TEST_CASE(the_cycle_model_is_exact_on_the_reference_network) {
  const std::string int8 = files().folder / "dense_int8.onnx", dense = files().folder / "dense.aap";
  BOOST_REQUIRE(aap("quantize " + kFloat + " --images 32 -o " + int8).code == 0);
  BOOST_REQUIRE(aap("compile " + int8 + " --dense -o " + dense).code == 0);
  const std::pair<std::string, std::string> programs[] = {{files().program, files().int8}, {dense, int8}};
  for (const auto& [program, network] : programs) {
    for (const std::string memory : {"", " --shared-bandwidth --read-latency 77 --write-latency 5", " --read-latency 1 --cycles-per-beat 2"}) {
      const std::string arguments = "run " + program + " --network " + network + memory + " --json --engine ";
      const Output rtl = aap(arguments + "rtl --compare-model"), model = aap(arguments + "model");
      BOOST_REQUIRE_MESSAGE(rtl.code == 0, rtl.err << "; repeat with: build/bin/aap run PROGRAM --engine rtl --compare-model" << memory);
      const auto r = nlohmann::json::parse(rtl.out), m = nlohmann::json::parse(model.out);
      BOOST_TEST((r["model_difference"] == ""));
      for (const char* key : {"cycles", "exec_cycles", "stall_weights", "stall_activations", "stall_output", "stall_requant",
                              "stall_imbalance", "stall_tokens", "stall_empty"}) {
        BOOST_TEST((r[key] == m[key]), key);
      }
      BOOST_TEST((r["layers"] == m["layers"]));
    }
  }
  refuses("run " + dense + " --network " + int8 + " --engine rtl --compare-model --stall-percent 5", "--stall-percent");
}

BOOST_AUTO_TEST_CASE(a_program_of_another_network_is_a_mismatch) {
  const std::string other = files().folder / "other.onnx";
  BOOST_REQUIRE(aap("quantize " + kFloat + " --images 32 -o " + other).code == 0);
  const Output o = aap("run " + files().program + " --engine model --network " + other);
  BOOST_TEST(o.code == 1);
  BOOST_TEST(o.err.find("expected") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(inputs_of_others_are_checked) {
  const std::string run = "run " + files().int8 + " --engine golden --images 1 ";
  refuses(run + "--data nowhere.bin", "nowhere.bin: no such file");
  refuses(run + "--data README.md", "README.md: has ");
  refuses(run + "--subset 5", "--subset: '5' is not FIRST:COUNT");
  refuses(run + "--subset 9999:2", "there are 10000");
  refuses(run + "--input-mean 0.5,0.5 --input-std 1", "a mean for 2 channels, the images have 1");
  refuses(run + "--input-mean nan --input-std 1", "is not a finite number");
  refuses(run + "--expected README.md", "README.md: is not an npy file");
  const std::string file = files().folder / "y.npy";
  BOOST_TEST(aap(run + "--outputs " + file).code == 0);
  const Output o = aap(run + "--expected " + file + " --json");
  BOOST_TEST(o.code == 0);
  BOOST_TEST(nlohmann::json::parse(o.out).at("values_compared") == 10);
  BOOST_TEST(nlohmann::json::parse(o.out).at("values_different") == 0);
}
