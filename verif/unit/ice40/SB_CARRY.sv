// SPDX-License-Identifier: Apache-2.0
// Simulation model of the iCE40 cell, for benches of MulStyle 1.
module SB_CARRY (output CO, input I0, input I1, input CI);
  assign CO = (I0 & I1) | ((I0 | I1) & CI);
endmodule
