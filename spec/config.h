// SPDX-License-Identifier: Apache-2.0
// One accelerator configuration, as configs/*.yaml states it. Letters as in docs/accelerator.md.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace aap {

struct Config {
  std::string name;
  std::string select;  // "GROUP", "DENSE", "WINDOW"
  int share = 1;            // PEs per selector
  int group = 16;           // G
  int lanes = 4;            // NG; WINDOW: window / group
  int window = 0;           // WINDOW only: W, activations of a window,
  int window_multipliers = 0;  // T of a PE,
  int realign = 0;          // and whether weights are packed without gaps
  int pes = 32;             // TM
  int requantisers = 8;     // NREQ
  int accumulator_width = 32;
  int multiplier_width = 24;
  int add_multiplier_width = 23;  // both multipliers of a residual add together
  int residual_passes = 1;  // drain cycles per channel of an EXEC with residual: own adder 1, through the requantiser 3
  int max_row_cycles = 1;   // cycles per row of a maximum: 2 saves a multiplexer per accumulator bit
  int axi_data_width = 128;
  int axi_addr_width = 32;
  int act_depth = 2048;     // words of G bytes per lane bank
  int weight_depth = 512;   // rows
  int table_depth = 512;    // steps
  int param_depth = 32;     // entries of NREQ channels
  int psum_depth = 256;     // pixels
  int out_depth = 512;      // pixels
  int residual_depth = 512;  // pixels
  int queue_depth = 4;      // descriptors per unit
  int max_burst = 64;       // beats
  int outstanding = 8;      // bursts in each direction; 1: one in all
  int perf_counters = 1;

  int beat_bytes() const { return axi_data_width / 8; }                       // AB
  int block_bytes() const { return group > beat_bytes() ? group : beat_bytes(); }  // B
  int block_groups() const { return block_bytes() / group; }                  // NB
  int superbanks() const { return lanes / block_groups(); }                   // NSB
  int index_width() const { return group == 4 ? 2 : group == 8 ? 3 : 4; }     // IW
  int drain_cycles() const { return pes / requantisers; }                     // DC
  int residual_drain_cycles() const { return residual_passes * drain_cycles(); }
  bool dense() const { return select == "DENSE"; }
  bool windowed() const { return select == "WINDOW"; }
  bool has_diagonal() const { return share > 1; }
  int muls() const { return windowed() ? window_multipliers : lanes; }  // of a PE
  int multipliers() const { return muls() * pes; }
  // Bits of a weight with its index (and, realigned, the mark that ends its window).
  int window_element_bits() const { return 8 + window_index_width() + (realign != 0 ? 1 : 0); }
  int window_index_width() const {
    int bits = 0;
    while (1 << bits < window) ++bits;
    return bits;
  }
  // A lane's weights of the PEs that share a selector, then their index (DENSE has none). WINDOW:
  // a PE's weights, then the marks that end a window and a pixel.
  int element_bits() const {
    if (windowed()) return muls() * window_element_bits() + (realign != 0 ? 1 : 2);
    return 8 * share + (dense() ? 0 : index_width());
  }
  int elements() const { return windowed() ? pes : lanes * pes / share; }  // e = pe / share * NG + lane
  int row_bits() const { return elements() * element_bits(); }
  int row_beats() const { return (row_bits() + axi_data_width - 1) / axi_data_width; }
  // Bits of a table entry's offset; DENSE keeps the lane's first index above it.
  int offset_bits() const { return dense() ? 16 - index_width() : 16; }
  int table_beats() const { return (2 * lanes + beat_bytes() - 1) / beat_bytes(); }
  int param_beats() const { return (8 * requantisers + beat_bytes() - 1) / beat_bytes(); }

  // Name and value of every key in the file's order; strings as written.
  std::vector<std::pair<std::string, std::string>> entries() const;
  // CRC-32 of "key=value\n" lines of all keys but name: what CONFIG_HASH holds.
  uint32_t hash() const;
};

// Reads a configuration. Unknown, missing and duplicate keys, numbers such as 010, and illegal
// combinations are refused in one line naming file, key and legal range.
Config load_config(const std::string& path);
// The same from text (`origin` is named in errors).
Config parse_config(const std::string& text, const std::string& origin);
// Checks every rule; throws InputError.
void validate(const Config& config, const std::string& origin);

}  // namespace aap
