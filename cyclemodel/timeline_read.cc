// SPDX-License-Identifier: Apache-2.0
// The read channel and its two users: fetch, which goes first, and loads.
#include <algorithm>

#include "cyclemodel/timeline.h"

namespace aap::cyclemodel {

void Timeline::kick_read_channel(uint64_t time) {
  const uint64_t when = std::max(time, now_);
  if (channel_event_ <= when) return;
  channel_event_ = when;
  at(when, Kind::kReadChannel);
}

uint64_t Timeline::fetch_bytes_wanted() const {
  const uint64_t all = uint64_t{program_.descriptor_count} * isa::kDescriptorBytes;
  const uint64_t room = (appended_ + structure_.fetch_ahead) * isa::kDescriptorBytes;
  // Descriptor by descriptor.
  const uint64_t left = isa::kDescriptorBytes - requested_bytes_ % isa::kDescriptorBytes;
  return requested_bytes_ < std::min(all, room) ? left : 0;
}

void Timeline::read_channel() {
  while (!reads_out_.empty() && reads_out_.front() < now_) reads_out_.pop_front();
  while (!fifo_.empty() && fifo_.front().first <= now_) {
    fifo_used_ -= fifo_.front().second;
    fifo_.pop_front();
  }
  read_data_.forget_before(now_);
  const uint64_t fetch = fetch_bytes_wanted();
  if (fetch == 0 && !load_.active) return;
  if (now_ < address_free_) return kick_read_channel(address_free_);
  if (reads_out_.size() >= static_cast<size_t>(config_.outstanding)) {
    return kick_read_channel(reads_out_.front() + 1);
  }
  if (fetch != 0) {
    grant_fetch(fetch);
  } else if (load_ready_ > now_) {
    return kick_read_channel(load_ready_);
  } else {
    const uint32_t address =
        run_address(load_.running.command, load_.run) + static_cast<uint32_t>(load_.offset);
    const uint64_t beats = burst_bytes(address, load_.bytes - load_.offset, config_) / beat_;
    if (fifo_used_ + beats > structure_.fifo_beats) return kick_read_channel(fifo_.front().first);
    grant_load();
  }
  address_free_ = now_ + 1;
  if (!failed()) kick_read_channel(now_ + 1);
}

void Timeline::grant_fetch(uint64_t wanted) {
  const auto address = static_cast<uint32_t>(program_.descriptor_address + requested_bytes_);
  const uint32_t bytes = burst_bytes(address, wanted, config_);
  if (address < program_.base ||
      uint64_t{address} + bytes > uint64_t{program_.base} + program_.memory_size) {
    fail(isa::Error::kWindow, address, "descriptor fetch outside the memory");
    return;
  }
  const Channel::Span span = read_data_.take(now_ + static_cast<uint64_t>(options_.read_latency),
                                             bytes / beat_, per_beat_);
  reads_out_.push_back(span.last);
  result_.fetch_bytes += bytes;
  // Descriptors whose last byte is in this burst.
  const uint64_t first = requested_bytes_ / isa::kDescriptorBytes;
  requested_bytes_ += bytes;
  const uint64_t count = requested_bytes_ / isa::kDescriptorBytes - first;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t beats_after =
        (requested_bytes_ - (first + i + 1) * isa::kDescriptorBytes) / beat_ * per_beat_;
    at(span.last - std::min(beats_after, span.last - span.first) + structure_.append,
       Kind::kDescriptor);
  }
}

void Timeline::append_descriptors() {
  while (appended_ < arrived_ && !failed()) {
    if (now_ < append_free_) {
      at(append_free_, Kind::kAppend);
      return;
    }
    Command command;
    if (!fetch(appended_, command)) return;
    if (command.unit != Unit::kFetch) {
      auto& units = queue(command.unit);
      if (units.size() >= static_cast<size_t>(config_.queue_depth)) return;
      command.queued_at = now_ + structure_.appended;
      units.push_back(command);
      at(now_ + structure_.appended, Kind::kTry, command.unit);
    }
    ++appended_;
    append_free_ = now_ + structure_.hand_over;
    kick_read_channel(now_ + 1);
  }
}

void Timeline::take_load() {
  if (load_.active || now_ < load_ready_ || loads_under_way_ >= structure_.load_ahead ||
      queue(Unit::kLoad).empty() || order_.missing(queue(Unit::kLoad).front().wait) != 0) {
    return;
  }
  if (!take(Unit::kLoad, load_.running)) return;
  const Command& c = load_.running.command;
  ++loads_under_way_;
  load_.active = true;
  load_.run = load_.offset = 0;
  load_.runs = run_count(c);
  load_.bytes = run_bytes(c, config_);
  load_ready_ = parsed(c, load_ready_, structure_.hand_over);
  load_write_free_ = std::max(load_write_free_, load_ready_);
  loads_.push_back(load_.running);
  kick_read_channel(load_ready_);
}

void Timeline::grant_load() {
  const Command& c = load_.running.command;
  const uint32_t address = run_address(c, load_.run) + static_cast<uint32_t>(load_.offset);
  const uint32_t bytes = burst_bytes(address, load_.bytes - load_.offset, config_);
  const uint64_t beats = bytes / beat_;
  const Channel::Span span =
      read_data_.take(now_ + static_cast<uint64_t>(options_.read_latency), beats, per_beat_);
  reads_out_.push_back(span.last);
  layer(c.layer).read_bytes += bytes;
  result_.read_bytes += bytes;

  // The write side: padding blocks one per cycle, then the beats as they come.
  const bool act = c.opcode == isa::Opcode::kLoadAct;
  const uint64_t row = act ? load_.run % c.rows : 0;
  uint64_t start = load_write_free_;
  if (act && load_.offset == 0) start += c.left_fill + (row == 0 ? c.pre_fill : 0);
  load_write_free_ = std::max(start + beats, span.last + structure_.load_write + 1);
  fifo_.emplace_back(load_write_free_, beats);
  fifo_used_ += beats;

  load_ready_ = now_ + 1;
  load_.offset += bytes;
  if (load_.offset != load_.bytes) return;
  if (act) load_write_free_ += c.right_fill + (row + 1 == c.rows ? c.post_fill : 0);
  load_.offset = 0;
  if (++load_.run != load_.runs) return;
  load_.active = false;
  at(load_write_free_, Kind::kLoadDone);
  at(load_ready_, Kind::kTry, Unit::kLoad);
}

}  // namespace aap::cyclemodel
