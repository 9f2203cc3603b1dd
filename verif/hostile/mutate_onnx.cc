// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <set>

#include "verif/hostile/mutate.h"

namespace aap::hostile {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const std::vector<int64_t>& nasty_integers() {
  static const std::vector<int64_t> kValues = {
      0,     1,     -1,         2,           3,           5,           11,       16,
      20,    127,   -128,       255,         256,         65536,       1 << 24,  (1 << 24) + 1,
      1LL << 30, (1LL << 31) - 1, 1LL << 31, -(1LL << 31), 1LL << 32, 1LL << 60, 1LL << 62,
      INT64_MAX, INT64_MIN};
  return kValues;
}

const std::vector<float>& nasty_floats() {
  static const std::vector<float> kValues = {
      0.0F, -0.0F, -1.0F, NAN, INFINITY, -INFINITY, 1e-45F, 1.1754942e-38F, 3.4e38F, 1e-20F, 1e20F};
  return kValues;
}

const std::vector<std::string>& nasty_strings() {
  static const std::vector<std::string> kValues = {
      "", "a\nb", "\x1b[31mred", std::string("a\0b", 3), "\xff\xfe", "../../etc/passwd", "%s%n{}{0}",
      std::string(70000, 'x'), "\xe2\x80\xae"};
  return kValues;
}

// Every string of the file: names of values and operators are exchanged with each other, which
// makes cycles, duplicates and operators in the wrong place.
void collect(const Message& m, std::set<std::string>& out) {
  const Reflection* r = m.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  r->ListFields(m, &fields);
  for (const FieldDescriptor* f : fields) {
    const int n = f->is_repeated() ? r->FieldSize(m, f) : 1;
    for (int i = 0; i < n; ++i) {
      if (f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        collect(f->is_repeated() ? r->GetRepeatedMessage(m, f, i) : r->GetMessage(m, f), out);
      } else if (f->type() == FieldDescriptor::TYPE_STRING) {
        const std::string s =
            f->is_repeated() ? r->GetRepeatedString(m, f, i) : r->GetString(m, f);
        if (s.size() <= 200) out.insert(s);
      }
    }
  }
}

class ProtoMutator {
 public:
  ProtoMutator(Pick& pick, std::vector<std::string> names)
      : pick_(pick), names_(std::move(names)) {}

  void message(Message& m, const std::string& path) {
    const auto* descriptor = m.GetDescriptor();
    for (int i = 0; i < descriptor->field_count() && !pick_.done(); ++i) {
      const FieldDescriptor* f = descriptor->field(i);
      const std::string here = path + "/" + f->name();
      if (f->is_repeated()) {
        repeated(m, f, here);
      } else {
        single(m, f, here);
      }
    }
  }

 private:
  bool offer(const std::string& path, const std::string& what) {
    if (!pick_.hit()) return false;
    pick_.what = path + ": " + what;
    return true;
  }

  // index -1: a single field; -2: one more element of a repeated one.
  template <typename F>
  void values(const std::string& path, const FieldDescriptor* f, F&& set) {
    switch (f->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
      case FieldDescriptor::CPPTYPE_INT64:
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_UINT64:
        for (int64_t v : nasty_integers()) {
          if (offer(path, "becomes " + std::to_string(v))) set(v, 0.0F, std::string());
        }
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        for (int64_t v = -1; v < 25; ++v) {
          if (offer(path, "becomes " + std::to_string(v))) set(v, 0.0F, std::string());
        }
        return;
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        for (float v : nasty_floats()) {
          if (offer(path, fmt::format("becomes {}", v))) set(0, v, std::string());
        }
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        for (int64_t v : {0, 1}) {
          if (offer(path, "becomes " + std::to_string(v))) set(v, 0.0F, std::string());
        }
        return;
      default:
        for (size_t i = 0; i < nasty_strings().size(); ++i) {
          if (offer(path, fmt::format("becomes nasty string {}", i)))
            set(0, 0.0F, nasty_strings()[i]);
        }
        if (f->type() == FieldDescriptor::TYPE_BYTES) return;
        for (const std::string& s : names_) {
          if (offer(path, "becomes '" + s + "'")) set(0, 0.0F, s);
        }
    }
  }

  void single(Message& m, const FieldDescriptor* f, const std::string& path) {
    const Reflection* r = m.GetReflection();
    if (offer(path, "removed")) r->ClearField(&m, f);
    if (f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const bool there = r->HasField(m, f);
      if (offer(path, "emptied")) {
        r->ClearField(&m, f);
        r->MutableMessage(&m, f);
      }
      if (there) message(*r->MutableMessage(&m, f), path);
      return;
    }
    values(path, f, [&](int64_t i, float x, const std::string& s) {
      switch (f->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32: return r->SetInt32(&m, f, static_cast<int32_t>(i));
        case FieldDescriptor::CPPTYPE_INT64: return r->SetInt64(&m, f, i);
        case FieldDescriptor::CPPTYPE_UINT32: return r->SetUInt32(&m, f, static_cast<uint32_t>(i));
        case FieldDescriptor::CPPTYPE_UINT64: return r->SetUInt64(&m, f, static_cast<uint64_t>(i));
        case FieldDescriptor::CPPTYPE_ENUM: return r->SetEnumValue(&m, f, static_cast<int>(i));
        case FieldDescriptor::CPPTYPE_FLOAT: return r->SetFloat(&m, f, x);
        case FieldDescriptor::CPPTYPE_DOUBLE: return r->SetDouble(&m, f, x);
        case FieldDescriptor::CPPTYPE_BOOL: return r->SetBool(&m, f, i != 0);
        default: return r->SetString(&m, f, s);
      }
    });
    if (f->type() == FieldDescriptor::TYPE_BYTES && r->HasField(m, f)) raw(m, f, path);
  }

  // The elements of a tensor are behind `bytes`: all of them become one value of each width.
  void raw(Message& m, const FieldDescriptor* f, const std::string& path) {
    const Reflection* r = m.GetReflection();
    const std::string old = r->GetString(m, f);
    if (offer(path, "one byte less") && !old.empty())
      r->SetString(&m, f, old.substr(0, old.size() - 1));
    if (offer(path, "one byte more")) r->SetString(&m, f, old + '\1');
    if (offer(path, "doubled")) r->SetString(&m, f, old + old);
    for (float v : nasty_floats()) {
      if (!offer(path, fmt::format("all floats become {}", v))) continue;
      std::string bytes = old;
      for (size_t i = 0; i + 4 <= bytes.size(); i += 4) std::memcpy(&bytes[i], &v, 4);
      r->SetString(&m, f, bytes);
    }
    for (int64_t v : nasty_integers()) {
      if (!offer(path, fmt::format("first and last int64 become {}", v))) continue;
      std::string bytes = old;
      if (bytes.size() >= 8) {
        std::memcpy(&bytes[0], &v, 8);
        std::memcpy(&bytes[bytes.size() - 8], &v, 8);
      }
      r->SetString(&m, f, bytes);
    }
    for (int v : {0x00, 0x7f, 0x80, 0xff}) {
      if (offer(path, fmt::format("all bytes become {:#04x}", v)))
        r->SetString(&m, f, std::string(old.size(), static_cast<char>(v)));
    }
  }

  void repeated(Message& m, const FieldDescriptor* f, const std::string& path) {
    const Reflection* r = m.GetReflection();
    const int n = r->FieldSize(m, f);
    if (offer(path, "all removed")) r->ClearField(&m, f);
    if (f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (offer(path, "an empty one added")) r->AddMessage(&m, f);
      for (int i = 0; i < n && !pick_.done(); ++i) {
        const std::string here = fmt::format("{}[{}]", path, i);
        if (offer(here, "removed")) {
          for (int k = i; k + 1 < n; ++k) r->SwapElements(&m, f, k, k + 1);
          r->RemoveLast(&m, f);
          return;
        }
        if (offer(here, "doubled"))
          r->AddMessage(&m, f)->CopyFrom(r->GetRepeatedMessage(m, f, i));
        if (offer(here, "exchanged with the next")) r->SwapElements(&m, f, i, (i + 1) % n);
        if (offer(here, "emptied")) r->MutableRepeatedMessage(&m, f, i)->Clear();
        message(*r->MutableRepeatedMessage(&m, f, i), here);
      }
      return;
    }
    if (offer(path, "last removed") && n > 0) r->RemoveLast(&m, f);
    for (int i = -1; i < n; ++i) {
      if (i > 8 && i + 1 < n) continue;  // the middle of a long list is like its beginning
      const std::string here = fmt::format("{}[{}]", path, i < 0 ? "new" : std::to_string(i));
      values(here, f, [&](int64_t v, float x, const std::string& s) {
        set_element(m, f, i, v, x, s);
      });
    }
    if (offer(path, "doubled 5000 times") && n > 0) {
      for (int i = 0; i < 5000; ++i) {
        if (f->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
          r->AddString(&m, f, r->GetRepeatedString(m, f, i % n));
        } else {
          set_element(m, f, -1, 1, 1.0F, "");
        }
      }
    }
  }

  static void set_element(Message& m, const FieldDescriptor* f, int i, int64_t v, float x,
                          const std::string& s) {
    const Reflection* r = m.GetReflection();
    const bool add = i < 0;
    switch (f->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto w = static_cast<int32_t>(v);
        return add ? r->AddInt32(&m, f, w) : r->SetRepeatedInt32(&m, f, i, w);
      }
      case FieldDescriptor::CPPTYPE_INT64:
        return add ? r->AddInt64(&m, f, v) : r->SetRepeatedInt64(&m, f, i, v);
      case FieldDescriptor::CPPTYPE_UINT64: {
        const auto w = static_cast<uint64_t>(v);
        return add ? r->AddUInt64(&m, f, w) : r->SetRepeatedUInt64(&m, f, i, w);
      }
      case FieldDescriptor::CPPTYPE_FLOAT:
        return add ? r->AddFloat(&m, f, x) : r->SetRepeatedFloat(&m, f, i, x);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return add ? r->AddDouble(&m, f, x) : r->SetRepeatedDouble(&m, f, i, x);
      case FieldDescriptor::CPPTYPE_STRING:
        return add ? r->AddString(&m, f, s) : r->SetRepeatedString(&m, f, i, s);
      default:
        return;  // onnx.proto has no other repeated scalars
    }
  }

  Pick& pick_;
  std::vector<std::string> names_;
};

// Shapes that only the whole file can have.
void whole(onnx::ModelProto& model, std::string& bytes, Pick& pick) {
  const auto offer = [&](const char* what) {
    if (!pick.hit()) return false;
    pick.what = what;
    return true;
  };
  auto* graph = model.mutable_graph();
  if (offer("dimensions that multiply to 2^63") && graph->initializer_size() > 0) {
    auto* t = graph->mutable_initializer(0);
    t->clear_dims();
    for (int i = 0; i < 7; ++i) t->add_dims(512);
  }
  if (offer("dimensions that multiply to 2^64") && graph->initializer_size() > 0) {
    auto* t = graph->mutable_initializer(0);
    t->clear_dims();
    for (int i = 0; i < 8; ++i) t->add_dims(256);
  }
  if (offer("subgraphs nested 90 deep")) {
    onnx::GraphProto* g = graph;
    for (int i = 0; i < 30; ++i) {
      auto* a = g->add_node()->add_attribute();
      a->set_name("body");
      a->set_type(onnx::AttributeProto::GRAPH);
      g = a->mutable_g();
    }
  }
  if (offer("10000 relus in a row")) {
    std::string from = graph->input_size() > 0 ? graph->input(0).name() : "x";
    for (int i = 0; i < 10000; ++i) {
      auto* node = graph->add_node();
      node->set_op_type("Relu");
      node->add_input(from);
      from = "relu_" + std::to_string(i);
      node->add_output(from);
    }
  }
  if (offer("3000 identities in a row")) {
    std::string from = graph->input_size() > 0 ? graph->input(0).name() : "x";
    for (int i = 0; i < 3000; ++i) {
      auto* node = graph->add_node();
      node->set_op_type("Identity");
      node->add_input(from);
      from = "copy_" + std::to_string(i);
      node->add_output(from);
    }
  }
  for (int64_t edge : {1000, 16384, 40000, 1 << 20}) {
    if (pick.hit() && graph->input_size() > 0) {
      pick.what = fmt::format("input of {} x {}", edge, edge);
      auto* shape = graph->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
      for (int i = 2; i < shape->dim_size(); ++i) shape->mutable_dim(i)->set_dim_value(edge);
    }
  }
  if (offer("all names are one") && graph->node_size() > 0) {
    for (auto& node : *graph->mutable_node()) {
      for (auto& s : *node.mutable_input()) s = "x";
      for (auto& s : *node.mutable_output()) s = "x";
    }
  }
  if (pick.done()) {
    model.SerializePartialToString(&bytes);
    return;
  }
  // Nested beyond what a message of this file can be: only as bytes.
  if (offer("groups nested 200000 deep")) bytes = std::string(200000, '\x0b');
  if (offer("messages nested 5000 deep")) {
    std::string inner;
    for (int i = 0; i < 5000; ++i) {
      std::string length;
      for (size_t n = inner.size();; n >>= 7) {
        length += static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        if (n <= 0x7f) break;
      }
      inner = '\x3a' + length + inner;  // field 7: ModelProto.graph
    }
    bytes = inner;
  }
  if (offer("a length of 2^31 - 1")) bytes = std::string("\x3a\xff\xff\xff\xff\x07", 6) + bytes;
  if (offer("an endless varint")) bytes = "\x08" + std::string(20, '\xff');
}

}  // namespace

void mutate_onnx(std::string& bytes, Pick& pick) {
  const google::protobuf::LogSilencer quiet;
  onnx::ModelProto model;
  if (!model.ParsePartialFromString(bytes)) return;  // an earlier change broke it
  std::set<std::string> names;
  collect(model, names);
  // A fixed selection keeps the number of mutants within reason.
  std::vector<std::string> some;
  size_t i = 0;
  for (const std::string& s : names) {
    if (names.size() <= 24 || i++ % (names.size() / 24 + 1) == 0) some.push_back(s);
  }
  ProtoMutator mutator(pick, some);
  mutator.message(model, "");
  if (pick.done()) {
    model.SerializePartialToString(&bytes);
  } else {
    whole(model, bytes, pick);
  }
}

}  // namespace aap::hostile
