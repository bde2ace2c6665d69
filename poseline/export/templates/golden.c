/* Generated beside golden.h. */
#include "golden.h"

const uint8_t golden_picture[{pixels}] = {{
{picture}
}};

/* Places in the input, and its values there. */
const size_t golden_places[GOLDEN_PLACES] = {{
{at}
}};

const poseline_input_t golden_input[GOLDEN_PLACES] = {{
{input}
}};

const poseline_output_t golden_output[POSELINE_OUTPUT_SIZE] = {{
{output}
}};

/* Keypoints in pixels of the picture, with their confidence; the score of each person. */
const poseline_person_t golden_persons[{room}] = {{
{expected}
}};
