// SPDX-License-Identifier: Apache-2.0
// Programs that earlier versions wrote run bit-exactly, or are refused with the reason.
#define BOOST_TEST_MODULE kept_programs
#include <unistd.h>
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "compile/disassemble.h"
#include "compile/program.h"
#include "cyclemodel/cyclemodel.h"
#include "model/error.h"
#include "verif/program_run.h"
#include "verif/programs/kept.h"

namespace {

using namespace aap;
using verif::KeptTensor;

std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

// Configurations of today by hash: those of the kept programs, and those that have a simulator.
std::map<uint32_t, Config> configurations(bool with_simulator) {
  std::map<uint32_t, Config> all;
  if (with_simulator) {
    for (const char* path : {"configs/board.yaml", "configs/small.yaml"}) {
      const Config c = load_config(path);
      all[c.hash()] = c;
    }
  } else {
    for (const char* path : verif::kKeptConfigs) {
      const Config c = load_config(path);
      all[c.hash()] = c;
    }
  }
  return all;
}

std::vector<KeptTensor> tensors_of(std::string path) {
  return verif::read_tensors(path.replace(path.size() - 4, 4, ".txt"));
}

const FeatureMap& map_of(const Program& program, const std::string& name) {
  for (const FeatureMap& m : program.maps) {
    if (m.name == name) return m;
  }
  throw_input("no feature map '{}'", name);
}

void require_equal(const Int8Tensor& got, const KeptTensor& want, const std::string& where) {
  BOOST_TEST(got.shape == want.values.shape, boost::test_tools::per_element());
  size_t different = 0;
  for (size_t i = 0; i < got.data.size(); ++i) different += got.data[i] != want.values.data[i];
  BOOST_TEST(different == 0U, where << ": " << want.name << ": " << different << " of "
                                    << got.data.size() << " values differ");
}

void run_on_cycle_model(const std::string& path, const Program& program, const Config& config) {
  const std::vector<KeptTensor> tensors = tensors_of(path);
  for (const bool timing : {false, true}) {
    std::vector<uint8_t> memory;
    load_image(program, memory);
    place_tensor(program.maps.at(static_cast<size_t>(program.input)), config, tensors[0].values,
                 memory.data());
    ModelOptions options;
    options.timing = timing;
    const ModelResult r = run_model(program, config, memory, options);
    BOOST_TEST(r.ok(), path << ": " << r.error_text << (r.hazards.empty() ? "" : r.hazards[0]));
    for (size_t i = 1; i < tensors.size(); ++i) {
      require_equal(fetch_tensor(map_of(program, tensors[i].name), config, memory.data()),
                    tensors[i], path + " on the cycle model");
    }
  }
}

void run_on_rtl(const std::string& path, const Program& program, const Config& config) {
  const std::vector<KeptTensor> tensors = tensors_of(path);
  verif::ProgramRun run(program, config, {});
  const verif::JobResult job = run.run(tensors[0].values);
  BOOST_TEST(job.done, path << ": error " << isa::to_string(job.error));
  for (size_t i = 1; i < tensors.size(); ++i) {
    for (size_t m = 0; m < program.maps.size(); ++m) {
      if (program.maps[m].name != tensors[i].name) continue;
      require_equal(run.map(static_cast<int>(m)), tensors[i], path + " on the RTL");
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(kept_programs_run_or_are_refused) {
  const auto configs = configurations(false), simulated = configurations(true);
  std::map<uint32_t, int> run;
  int on_rtl = 0;
  const std::vector<std::string> paths = verif::kept_programs(verif::kKeptFolder);
  BOOST_REQUIRE(!paths.empty());
  for (const std::string& path : paths) {
    BOOST_TEST_CONTEXT(path) {
      Program program;
      const std::string refusal = message_of([&] { program = read_program(path); });
      if (!refusal.empty()) {
        // Only another format version may be a reason: these files are whole.
        BOOST_TEST(refusal.find("format version") != std::string::npos, refusal);
        BOOST_TEST(refusal.find(path) != std::string::npos, refusal);
        BOOST_TEST_MESSAGE(path << ": refused: " << refusal);
        continue;
      }
      const auto config = configs.find(program.config_hash);
      if (config == configs.end()) {
        for (const auto& [hash, other] : configs) {
          const std::string text = message_of([&, &c = other] { require_config(program, c); });
          BOOST_TEST(text.find(fmt::format("hash {:08x}", program.config_hash)) != std::string::npos, text);
          BOOST_TEST(text.find(fmt::format("hash {:08x}", hash)) != std::string::npos, text);
          BOOST_TEST_MESSAGE(path << ": refused: " << text);
        }
        continue;
      }
      run_on_cycle_model(path, program, config->second);
      ++run[program.config_hash];
      const auto rtl = simulated.find(program.config_hash);
      if (rtl == simulated.end()) {
        BOOST_TEST_MESSAGE(path << ": no configuration with a simulator has its hash; cycle model only");
        continue;
      }
      run_on_rtl(path, program, rtl->second);
      ++on_rtl;
    }
  }
  // What this version writes is among them.
  for (const auto& [hash, config] : configs) {
    BOOST_TEST(run[hash] == static_cast<int>(std::size(verif::kKeptNetworks)),
               "no kept programs for configuration '" << config.name
               << "' as it is now; run build/bin/aap-keep-programs and commit what it adds");
  }
  BOOST_TEST_MESSAGE(on_rtl << " kept programs ran on the RTL");
  BOOST_TEST(on_rtl > 0);
}

BOOST_AUTO_TEST_CASE(one_kept_program_has_every_kind_of_descriptor) {
  std::set<isa::Opcode> kinds;
  for (const char* path : verif::kKeptConfigs) {
    const Config config = load_config(path);
    const Program p = read_program(fmt::format("{}/{}.aap", verif::kKeptFolder, verif::kept_name("every", config)));
    kinds.clear();
    for (const isa::Descriptor& d : read_descriptors(p)) kinds.insert(d.opcode());
    for (uint32_t code = 0; code < 16; ++code) {
      const auto opcode = static_cast<isa::Opcode>(code);
      if (std::string(isa::to_string(opcode)) == "unknown") continue;
      BOOST_TEST(kinds.count(opcode) == 1U, isa::to_string(opcode) << " is not in the program of " << config.name);
    }
  }
}

// Other format versions are refused by number, whatever else is in the file.
BOOST_AUTO_TEST_CASE(other_format_versions_are_refused) {
  const std::string good = read_bytes(verif::kept_programs(verif::kKeptFolder).front());
  const std::string path = fmt::format("/tmp/aap_kept_test_{}.aap", getpid());
  for (const uint32_t version : {0U, 2U, 3U, 0xffffffffU}) {
    if (version == Program::kFormatVersion) continue;
    std::string bytes = good;
    const auto put = [&](size_t at, uint32_t v) {
      for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(v >> 8 * i & 0xff);
    };
    const auto crc = [&](size_t n) {
      return static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(n)));
    };
    put(4, version);
    put(28, crc(28));
    put(bytes.size() - 4, crc(bytes.size() - 4));
    std::ofstream(path, std::ios::binary) << bytes;
    const std::string text = message_of([&] { read_program(path); });
    BOOST_TEST(text == fmt::format("{}: program file has format version {}, this tool reads {}", path, version,
                                   Program::kFormatVersion));
  }
  std::filesystem::remove(path);
}

// The kept files are never changed: their check sums are here.
BOOST_AUTO_TEST_CASE(kept_files_are_as_they_were) {
  std::map<std::string, std::string> sums;
  std::ifstream list(std::string(verif::kKeptFolder) + "/ADLER32");
  for (std::string sum, name; list >> sum >> name;) sums[name] = sum;
  size_t found = 0;
  for (const std::string& path : verif::kept_programs(verif::kKeptFolder)) {
    for (const std::string& file : {path, path.substr(0, path.size() - 4) + ".txt"}) {
      const std::string name = std::filesystem::path(file).filename();
      BOOST_TEST(sums[name] == fmt::format("{:08x}", verif::file_sum(file)), name << " is not as ADLER32 says");
      ++found;
    }
  }
  BOOST_TEST(found == sums.size(), "a kept file is missing");
}
