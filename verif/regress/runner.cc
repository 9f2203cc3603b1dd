// SPDX-License-Identifier: Apache-2.0
#include "verif/regress/runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "model/error.h"
#include "model/message.h"

namespace aap::regress {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kTraceSlowdown = 4;  // wall limit of a run with waves
constexpr size_t kMostText = 4000;  // a result fits a pipe

struct Attempt {
  size_t index = 0;
  bool again = false;
  CaseResult first;
};

struct Running {
  Attempt attempt;
  int pipe = -1;
  Clock::time_point begin;
  int64_t wall_seconds = 0;
  std::string waves, log;
  bool killed = false;
};

[[noreturn]] void child(const Case& c, const Running& r, int pipe, const CaseWork& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = open(r.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (out >= 0) {
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  CaseResult result;
  try {
    result = work(c, r.waves);
  } catch (const std::exception& e) {
    result.status = "fail";
    result.cause = "exception";
    result.message = e.what();
  }
  const std::string text = nlohmann::json{{"status", result.status}, {"cause", result.cause},
                                          {"message", printable(result.message.substr(0, kMostText))},
                                          {"cycles", result.cycles}, {"idle_cycles", result.idle_cycles}}
                               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(pipe, text.data() + done, text.size() - done);
    if (n <= 0) _exit(1);
    done += static_cast<size_t>(n);
  }
  std::fflush(nullptr);
  _exit(0);
}

std::string last_line(const std::string& log) {
  std::ifstream in(log);
  std::string line, last;
  while (std::getline(in, line)) {
    if (!line.empty()) last = line.substr(0, 300);
  }
  return last;
}

CaseResult collect(const Running& r, int status) {
  CaseResult result;
  std::string text(65536, '\0');
  const ssize_t n = read(r.pipe, text.data(), text.size());
  close(r.pipe);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  result.wall_seconds = std::chrono::duration<double>(Clock::now() - r.begin).count();
  if (r.killed) {
    result.status = "fail";
    result.cause = "wall limit";
    result.message = fmt::format("killed after {} s", r.wall_seconds);
  } else if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0 || !json.is_object()) {
    result.status = "fail";
    result.cause = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status)) : fmt::format("exit {}", WEXITSTATUS(status));
    const std::string line = printable(last_line(r.log));
    result.message = fmt::format("the process died of {}{}{}", result.cause, line.empty() ? "" : ": ", line);
  } else {
    result.status = json.at("status");
    result.cause = json.at("cause");
    result.message = json.at("message");
    result.cycles = json.at("cycles");
    result.idle_cycles = json.at("idle_cycles");
  }
  std::error_code ignored;
  if (!r.waves.empty() && std::filesystem::exists(r.waves, ignored)) result.waves = r.waves;
  if (std::filesystem::is_regular_file(r.log, ignored) && std::filesystem::file_size(r.log, ignored) == 0) {
    std::filesystem::remove(r.log, ignored);
  }
  return result;
}

bool same_failure(const CaseResult& a, const CaseResult& b) {
  if (b.status == "pass" || a.cause != b.cause) return false;
  return a.cause.find("limit") != std::string::npos || a.message == b.message;
}

class Pool {
 public:
  Pool(const std::vector<Case>& cases, const RunOptions& options, const CaseWork& work,
       const std::function<void(const Case&, const CaseResult&)>& on_result)
      : cases_(cases), options_(options), work_(work), on_result_(on_result) {}

  ~Pool() {  // an exception of on_result leaves none behind
    for (const auto& [pid, r] : running_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      close(r.pipe);
    }
  }

  void run() {
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    if (error) throw_input("{}: {}", options_.folder, error.message());
    for (size_t i = 0; i < cases_.size(); ++i) waiting_.push_back({i, false, {}});
    while (!waiting_.empty() || !running_.empty()) {
      while (!waiting_.empty() && running_.size() < static_cast<size_t>(std::max(1, options_.jobs))) {
        const Attempt next = waiting_.front();
        waiting_.pop_front();
        start(next);
      }
      wait_for_one();
    }
  }

 private:
  void start(const Attempt& attempt) {
    const Case& c = cases_[attempt.index];
    Running r;
    r.attempt = attempt;
    r.wall_seconds = c.limits.wall_seconds;
    const std::string stem = fmt::format("{}/{}_{}", options_.folder, c.test, c.index);
    r.log = stem + (attempt.again ? ".again.log" : ".log");
    if (attempt.again && options_.can_trace && options_.can_trace(c)) {
      r.waves = stem + ".fst";
      r.wall_seconds *= kTraceSlowdown;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
    std::fflush(nullptr);
    r.begin = Clock::now();
    const pid_t pid = fork();
    if (pid < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
    if (pid == 0) {
      close(ends[0]);
      child(c, r, ends[1], work_);
    }
    close(ends[1]);
    r.pipe = ends[0];
    running_[pid] = r;
  }

  // The pipes close when their processes end, so poll wakes at once for an end and in time for a limit.
  void wait_for_one() {
    std::vector<pollfd> fds;
    for (const auto& [pid, r] : running_) fds.push_back({r.pipe, 0, 0});
    poll(fds.data(), fds.size(), 100);
    for (auto it = running_.begin(); it != running_.end();) {
      Running& r = it->second;
      if (!r.killed && Clock::now() - r.begin > std::chrono::seconds(r.wall_seconds)) {
        kill(it->first, SIGKILL);
        r.killed = true;
      }
      int status = 0;
      if (waitpid(it->first, &status, WNOHANG) != it->first) {
        ++it;
        continue;
      }
      const Running ended = r;
      it = running_.erase(it);
      finish(ended, collect(ended, status));
    }
  }

  void finish(const Running& r, CaseResult result) {
    const Case& c = cases_[r.attempt.index];
    if (!r.attempt.again) {
      if (result.status == "pass") return on_result_(c, result);
      waiting_.push_front({r.attempt.index, true, result});
      return;
    }
    CaseResult first = r.attempt.first;
    if (!same_failure(first, result)) {
      first.status = "unstable";
      first.message = fmt::format("first '{}: {}', again {}", first.cause, first.message,
                                  result.status == "pass" ? "passed" : fmt::format("'{}: {}'", result.cause, result.message));
      first.cause = "unstable";
    }
    first.waves = result.waves;
    first.wall_seconds += result.wall_seconds;
    on_result_(c, first);
  }

  const std::vector<Case>& cases_;
  const RunOptions& options_;
  const CaseWork& work_;
  const std::function<void(const Case&, const CaseResult&)>& on_result_;
  std::deque<Attempt> waiting_;
  std::map<pid_t, Running> running_;
};

}  // namespace

void run_cases(const std::vector<Case>& cases, const RunOptions& options, const CaseWork& work,
               const std::function<void(const Case&, const CaseResult&)>& on_result) {
  Pool(cases, options, work, on_result).run();
}

}  // namespace aap::regress
