// SPDX-License-Identifier: Apache-2.0
#include "verif/hostile/pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <new>
#include <sstream>

#if defined(__SANITIZE_ADDRESS__)
// As in sanitizer/allocator_interface.h, which Debian does not install with gcc.
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t),
                                              void (*on_free)(const volatile void*));
size_t __sanitizer_get_allocated_size(const volatile void* pointer);
}
#endif

namespace aap::hostile {
namespace {

constexpr int kTooMuchMemory = 97, kTooMuchTime = 98;
constexpr size_t kMostText = 4000;

// Shared with the worker: where it is and what it found.
struct Slot {
  std::atomic<uint64_t> next;  // position in its list of the item in work
  std::atomic<uint64_t> accepted, slowest_us, slowest_item, most_bytes, most_item;
  std::atomic<uint32_t> reported;  // a finding is in `text`, and the worker waits for it to be taken
  char text[kMostText];
};

std::atomic<uint64_t> live{0}, peak{0};
uint64_t memory_limit = 0;

#if defined(__SANITIZE_ADDRESS__)
void on_malloc(const volatile void* pointer, size_t size) {
  (void)pointer;
  const uint64_t now = live.fetch_add(size) + size;
  if (now > peak.load()) peak.store(now);
  if (memory_limit != 0 && now > memory_limit) _exit(kTooMuchMemory);
}
void on_free(const volatile void* pointer) {
  if (pointer == nullptr) return;
  live.fetch_sub(__sanitizer_get_allocated_size(pointer));
}
#endif

void on_time(int) { _exit(kTooMuchTime); }

double processor_time() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

[[noreturn]] void work_on(const std::vector<uint64_t>& items, Slot& slot, const Limits& limits,
                          const std::string& log,
                          const std::function<std::string(uint64_t, bool&)>& work) {
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(out, STDERR_FILENO);
  dup2(out, STDOUT_FILENO);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#else
  const rlim_t bytes = (limits.megabytes + 512) << 20;  // the program itself is mapped, too
  const rlimit memory{bytes, bytes};
  setrlimit(RLIMIT_AS, &memory);
#endif
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  signal(SIGPROF, on_time);
  for (uint64_t i = slot.next; i < items.size(); ++i) {
    slot.next = i;
    const auto whole = static_cast<time_t>(limits.seconds);
    const itimerval timer{{0, 0}, {whole, static_cast<suseconds_t>(1e6 * (limits.seconds - static_cast<double>(whole)))}};
    setitimer(ITIMER_PROF, &timer, nullptr);
    const uint64_t before = live;
    peak = before;
    memory_limit = before + (limits.megabytes << 20);
    const double begin = processor_time();
    bool accepted = false;
    std::string what;
    try {
      what = work(items[i], accepted);
    } catch (const std::exception& e) {
      what = fmt::format("{} thrown: {}", typeid(e).name(), e.what());
    }
    const auto us = static_cast<uint64_t>(1e6 * (processor_time() - begin));
    memory_limit = 0;
    if (accepted) ++slot.accepted;
    if (us > slot.slowest_us) {
      slot.slowest_us = us;
      slot.slowest_item = items[i];
    }
    if (peak - before > slot.most_bytes) {
      slot.most_bytes = peak - before;
      slot.most_item = items[i];
    }
    if (what.empty()) continue;
    std::strncpy(slot.text, what.c_str(), kMostText - 1);
    slot.next = i + 1;
    slot.reported = 1;
    _exit(0);
  }
  slot.next = items.size();
  _exit(0);
}

// The line of a sanitizer's report that says most, with the project's innermost function.
std::string first_report(const std::string& log) {
  std::ifstream in(log);
  std::string line, summary, frame;
  while (std::getline(in, line)) {
    if (summary.empty() && (line.find("ERROR: ") != std::string::npos ||
                            line.find("runtime error") != std::string::npos ||
                            line.find("terminate called") != std::string::npos)) {
      summary = line;
    }
    if (frame.empty() && line.find("    #") == 0 && line.find(" in aap::") != std::string::npos) {
      frame = line.substr(line.find(" in ") + 4);
    }
    if (line.find("what():") != std::string::npos) frame = line;
  }
  return summary + (frame.empty() ? "" : " | " + frame.substr(0, 300));
}

std::string death_of(int status, const std::string& log, const Limits& limits) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kTooMuchMemory)
    return fmt::format("takes more than {} MB", limits.megabytes);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kTooMuchTime)
    return fmt::format("takes more than {} s", limits.seconds);
  return fmt::format("{} {}: {}", WIFSIGNALED(status) ? "signal" : "exit",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                     first_report(log));
}

}  // namespace

PoolResult run_pool(const std::vector<uint64_t>& items, int jobs, const Limits& limits,
                    const std::function<std::string(uint64_t, bool&)>& work) {
  const auto n = static_cast<size_t>(jobs);
  void* memory = mmap(nullptr, n * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* slots = static_cast<Slot*>(memory);
  std::vector<std::vector<uint64_t>> lists(n);
  for (size_t i = 0; i < items.size(); ++i) lists[i % n].push_back(items[i]);

  PoolResult result;
  std::map<pid_t, size_t> running;
  const auto log_of = [&](size_t w) { return fmt::format("/tmp/aap_hostile_{}_{}.log", getpid(), w); };
  const auto start = [&](size_t w) {
    const std::string log = log_of(w);
    const pid_t child = fork();
    if (child == 0) work_on(lists[w], slots[w], limits, log, work);
    running[child] = w;
  };
  for (size_t w = 0; w < n; ++w) start(w);
  while (!running.empty()) {
    int status = 0;
    const pid_t child = wait(&status);
    const auto it = running.find(child);
    if (it == running.end()) continue;
    const size_t w = it->second;
    running.erase(it);
    Slot& slot = slots[w];
    if (slot.reported != 0) {
      result.findings.push_back({lists[w][slot.next - 1], slot.text});
      slot.reported = 0;
    } else if (slot.next < lists[w].size()) {
      result.findings.push_back({lists[w][slot.next], death_of(status, log_of(w), limits)});
      ++slot.next;
    }
    if (slot.next < lists[w].size()) {
      start(w);
    } else {
      unlink(log_of(w).c_str());
    }
  }
  for (size_t w = 0; w < n; ++w) {
    result.accepted += slots[w].accepted;
    if (1e-6 * static_cast<double>(slots[w].slowest_us) > result.slowest) {
      result.slowest = 1e-6 * static_cast<double>(slots[w].slowest_us);
      result.slowest_item = slots[w].slowest_item;
    }
    if (slots[w].most_bytes >> 20 > result.most_megabytes) {
      result.most_megabytes = slots[w].most_bytes >> 20;
      result.most_item = slots[w].most_item;
    }
  }
  result.run = items.size();
  munmap(memory, n * sizeof(Slot));
  return result;
}

}  // namespace aap::hostile
