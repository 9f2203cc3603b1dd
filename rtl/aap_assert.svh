// SPDX-License-Identifier: Apache-2.0
// Assertion macros. One spelling, three meanings: simulation check, formal property, nothing in synthesis.
`ifndef AAP_ASSERT_SVH
`define AAP_ASSERT_SVH
`ifdef FORMAL
  `define AAP_ASSERT(name, cond) always_ff @(posedge clk_i) if (rst_ni) begin assert (cond); end
  `define AAP_ASSUME(name, cond) always_ff @(posedge clk_i) if (rst_ni) begin assume (cond); end
`elsif SYNTHESIS
  `define AAP_ASSERT(name, cond)
  `define AAP_ASSUME(name, cond)
`else
  `define AAP_ASSERT(name, cond) always @(posedge clk_i) if (rst_ni) begin assert (cond) else $error("%m: %s", `"name`"); end
  `define AAP_ASSUME(name, cond) `AAP_ASSERT(name, cond)
`endif
`endif
