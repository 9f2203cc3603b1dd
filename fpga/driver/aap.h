/* SPDX-License-Identifier: Apache-2.0 */
/* What a host does with the accelerator, over whatever reads and writes its registers: docs/integration.md. C99, no
   allocation, no interrupt handling of its own. */
#ifndef AAP_DRIVER_H
#define AAP_DRIVER_H

#include <stdint.h>

#include "aap_regs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Registers of one accelerator. A write that the accelerator refuses (SLVERR) is the bus's business: `write` returns 0 where it
   went through and anything else where it did not. */
struct aap_device {
  uint32_t (*read)(void *context, uint32_t offset);
  int (*write)(void *context, uint32_t offset, uint32_t value);
  void *context;
};

/* A program in memory: addresses as the accelerator sees them. Image, inputs and outputs lie in window_base .. window_limit,
   all bytes of which may be read and written. */
struct aap_job {
  uint32_t program_address;  /* multiple of 64 */
  uint32_t descriptors;      /* 1..65535 */
  uint32_t window_base, window_limit; /* first and last byte */
  uint32_t watchdog;         /* cycles without progress until WATCHDOG, 0: never */
  uint32_t drain_limit;      /* cycles that draining may take until BUS_HUNG */
};

struct aap_result {
  uint32_t error;   /* AAP_ERR_*, AAP_ERR_NONE after success */
  uint32_t address; /* what aap_regs.h says for that error */
  uint32_t cycles;
};

enum aap_status {
  AAP_OK = 0,
  AAP_NO_DEVICE,     /* ID is not the accelerator's */
  AAP_OTHER_CONFIG,  /* CONFIG_HASH is not the program's */
  AAP_REFUSED,       /* a register did not take its value */
  AAP_BUSY,
  AAP_TIMEOUT,
  AAP_FAULT          /* the job ended with an error: see aap_result */
};

/* Whether the device is the accelerator that a program with this hash was compiled for. */
enum aap_status aap_probe(const struct aap_device *device, uint32_t config_hash);

/* Clears done, error and interrupts, sets program and window and starts. AAP_BUSY leaves the running job alone. */
enum aap_status aap_start(const struct aap_device *device, const struct aap_job *job);

/* AAP_BUSY while the job runs; then AAP_OK or AAP_FAULT, with the interrupt taken back. `result` may be null. */
enum aap_status aap_finish(const struct aap_device *device, struct aap_result *result);

/* aap_finish until the job has ended, at most `polls` times: AAP_TIMEOUT leaves it running. */
enum aap_status aap_wait(const struct aap_device *device, uint32_t polls, struct aap_result *result);

/* Stops the job; it ends with AAP_ERR_ABORTED once what is on the bus has drained. */
enum aap_status aap_abort(const struct aap_device *device);

#ifdef __cplusplus
}
#endif

#endif
