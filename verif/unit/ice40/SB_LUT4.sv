// SPDX-License-Identifier: Apache-2.0
// Simulation model of the iCE40 cell, for benches of MulStyle 1.
module SB_LUT4 #(parameter bit [15:0] LUT_INIT = 0) (output O, input I0, input I1, input I2, input I3);
  assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule
