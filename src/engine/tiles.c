/*
 * Compiled once per instruction set; account.c chooses.
 */
#include "tiles.h"

#define TABLE_(isa_) libloss__tiles_##isa_
#define TABLE(isa_) TABLE_(isa_)

extern const libloss__tiles TABLE(LIBLOSS_ISA);
const libloss__tiles TABLE(LIBLOSS_ISA) = { tile_sum_f32, tile_sum_f64, tile_sum_weighted_f32, tile_sum_weighted_f64 };
