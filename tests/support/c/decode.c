/* Reads outputs of a model from in.bin and writes the persons in each to out.bin. */
#include <stdio.h>

#include "poseline.h"

static poseline_output_t output[POSELINE_OUTPUT_SIZE];
static poseline_person_t persons[POSELINE_MAX_PERSONS];

int main(void)
{
    FILE *from = fopen("in.bin", "rb");
    FILE *to = fopen("out.bin", "wb");
    int result = ((from == NULL) || (to == NULL)) ? 2 : 0;

    while ((result == 0) && (fread(output, sizeof(output), 1, from) == 1U)) {
        size_t found = 0;

        if (poseline_postprocess(output, POSELINE_OUTPUT_SIZE, persons, POSELINE_MAX_PERSONS,
                                 &found) != POSELINE_OK) {
            result = 1;
        }
        (void)fwrite(persons, sizeof(persons[0]), found, to);
    }
    if (to != NULL) {
        (void)fclose(to);
    }
    return result;
}
