/* SPDX-License-Identifier: Apache-2.0 */
#include "aap.h"

enum { STATUS_BUSY = 1, STATUS_DONE = 2, STATUS_ERROR = 4, CONTROL_START = 1, CONTROL_ABORT = 2, IRQ_DONE = 1, IRQ_ERROR = 2 };

static const uint32_t accelerator_id = 0x50414141u;

static uint32_t read(const struct aap_device *device, uint32_t offset) { return device->read(device->context, offset); }

static int write(const struct aap_device *device, uint32_t offset, uint32_t value) {
  return device->write(device->context, offset, value);
}

enum aap_status aap_probe(const struct aap_device *device, uint32_t config_hash) {
  if (read(device, AAP_REG_ID) != accelerator_id) return AAP_NO_DEVICE;
  return read(device, AAP_REG_CONFIG_HASH) == config_hash ? AAP_OK : AAP_OTHER_CONFIG;
}

enum aap_status aap_start(const struct aap_device *device, const struct aap_job *job) {
  const struct {
    uint32_t offset, value;
  } writes[] = {{AAP_REG_STATUS, STATUS_DONE | STATUS_ERROR},   {AAP_REG_IRQ_STATUS, IRQ_DONE | IRQ_ERROR},
                {AAP_REG_IRQ_ENABLE, IRQ_DONE | IRQ_ERROR},     {AAP_REG_PROGRAM_ADDR, job->program_address},
                {AAP_REG_PROGRAM_LEN, job->descriptors},        {AAP_REG_WINDOW_BASE, job->window_base},
                {AAP_REG_WINDOW_LIMIT, job->window_limit},      {AAP_REG_WATCHDOG, job->watchdog},
                {AAP_REG_DRAIN_LIMIT, job->drain_limit},        {AAP_REG_CONTROL, CONTROL_START}};
  unsigned i;
  /* A start while busy would stop the running job. */
  if ((read(device, AAP_REG_STATUS) & STATUS_BUSY) != 0) return AAP_BUSY;
  for (i = 0; i < sizeof writes / sizeof writes[0]; ++i) {
    const uint32_t offset = writes[i].offset, value = writes[i].value;
    /* A locked window refuses writes; the one that it has will do if it is the same. */
    if ((offset == AAP_REG_WINDOW_BASE || offset == AAP_REG_WINDOW_LIMIT) && read(device, offset) == value) continue;
    if (write(device, offset, value) != 0) return AAP_REFUSED;
  }
  return AAP_OK;
}

enum aap_status aap_finish(const struct aap_device *device, struct aap_result *result) {
  const uint32_t status = read(device, AAP_REG_STATUS);
  if ((status & STATUS_BUSY) != 0 || (status & (STATUS_DONE | STATUS_ERROR)) == 0) return AAP_BUSY;
  if (result != 0) {
    result->error = (status & STATUS_ERROR) != 0 ? read(device, AAP_REG_ERROR_CODE) : AAP_ERR_NONE;
    result->address = (status & STATUS_ERROR) != 0 ? read(device, AAP_REG_ERROR_ADDR) : 0;
    result->cycles = read(device, AAP_REG_CYCLES);
  }
  if (write(device, AAP_REG_IRQ_STATUS, IRQ_DONE | IRQ_ERROR) != 0) return AAP_REFUSED;
  return (status & STATUS_ERROR) != 0 ? AAP_FAULT : AAP_OK;
}

enum aap_status aap_wait(const struct aap_device *device, uint32_t polls, struct aap_result *result) {
  while (polls-- > 0) {
    const enum aap_status status = aap_finish(device, result);
    if (status != AAP_BUSY) return status;
  }
  return AAP_TIMEOUT;
}

enum aap_status aap_abort(const struct aap_device *device) {
  return write(device, AAP_REG_CONTROL, CONTROL_ABORT) == 0 ? AAP_OK : AAP_REFUSED;
}
