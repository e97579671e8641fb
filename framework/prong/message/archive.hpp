// Both archives, able to write and read: include this where a type is encoded or decoded.
#pragma once

#include "prong/message/input_archive.hpp"
#include "prong/message/output_archive.hpp"
#include "prong/message/read_value.hpp"
#include "prong/message/write_value.hpp"

#include <utility>

namespace prong {

template <class... T>
OutputArchive& OutputArchive::operator()(T&&... values) {
  (serialization::write_value(*this, std::as_const(values)), ...);
  return *this;
}

template <class... T>
InputArchive& InputArchive::operator()(T&&... values) {
  (serialization::read_value(*this, values), ...);
  return *this;
}

}  // namespace prong
