/* A picture and what must become of it, as Python and TensorFlow Lite Micro have it. Generated. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stddef.h>

#include "poseline.h"

#define GOLDEN_HEIGHT {height}
#define GOLDEN_WIDTH {width}
#define GOLDEN_PLACES {places}
#define GOLDEN_PERSONS {persons}
#define GOLDEN_APART {apart} /* most that a value of the input may be away */

extern const uint8_t golden_picture[{pixels}];
extern const size_t golden_places[GOLDEN_PLACES];
extern const poseline_input_t golden_input[GOLDEN_PLACES];
extern const poseline_output_t golden_output[POSELINE_OUTPUT_SIZE];
extern const poseline_person_t golden_persons[{room}];

#endif /* GOLDEN_H */
