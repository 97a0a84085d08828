// Units and groups as JSON: the parts that assignments and results share.
#pragma once

#include "godwit/sdk/types.h"
#include "model/reader.h"
#include "model/writer.h"

namespace godwit::model {

// The members of a unit, inside an object that the caller opened.
void write_unit(Writer& json, const sdk::Unit& unit);
sdk::Unit read_unit(ObjectReader& read);

// The word that the contract uses for a unit's kind.
sdk::UnitKind read_unit_kind(ObjectReader& read);

}  // namespace godwit::model
