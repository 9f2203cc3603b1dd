// SPDX-License-Identifier: Apache-2.0
#include "verif/gtkwave.h"

#include <fmt/format.h>

#include <fstream>

#include "model/error.h"

namespace aap::verif {

void write_gtkwave_view(const std::string& fst_path, const Config& config) {
  std::string path = fst_path;
  if (path.size() > 4 && path.substr(path.size() - 4) == ".fst") path.resize(path.size() - 4);
  path += ".gtkw";
  std::ofstream out(path);
  const std::string top = "TOP.aap_" + config.name;
  const size_t slash = fst_path.find_last_of('/');
  out << "[dumpfile] \"" << (slash == std::string::npos ? fst_path : fst_path.substr(slash + 1)) << "\"\n";
  const auto group = [&](const char* name, std::initializer_list<const char*> signals) {
    out << "@200\n-" << name << "\n@28\n";
    for (const char* s : signals) out << top << "." << s << "\n";
  };
  const auto bus = [&](const char* signal, int width) {
    out << "@22\n" << top << "." << signal << "[" << width - 1 << ":0]\n";
  };
  group("clock and interrupt", {"clk_i", "rst_ni", "irq_o"});
  group("read address", {"m_axi_arvalid", "m_axi_arready"});
  bus("m_axi_araddr", config.axi_addr_width);
  bus("m_axi_arlen", 8);
  bus("m_axi_aruser", 16);
  group("read data", {"m_axi_rvalid", "m_axi_rready", "m_axi_rlast"});
  bus("m_axi_rdata", config.axi_data_width);
  group("write address", {"m_axi_awvalid", "m_axi_awready"});
  bus("m_axi_awaddr", config.axi_addr_width);
  bus("m_axi_awuser", 16);
  group("write data", {"m_axi_wvalid", "m_axi_wready", "m_axi_wlast"});
  bus("m_axi_wdata", config.axi_data_width);
  group("write response", {"m_axi_bvalid", "m_axi_bready"});
  group("execute", {"u_top.u_compute.issue_o", "u_top.u_compute.stall_load_o",
                    "u_top.u_compute.stall_store_o", "u_top.u_compute.stall_requant_o"});
  out.close();
  if (!out) throw_input("{}: cannot be written", path);
}

}  // namespace aap::verif
