/* libFuzzer: whatever a picture and an output are, nothing outside is touched and what is found
 * is finite. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "poseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (holds == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    poseline_picture_t picture = {NULL, 0, 0, 0};
    size_t found = 0;
    const size_t room = (size > 3U) ? ((size_t)(data[3] % 8U) + 1U) : 1U;
    const size_t bytes = sizeof(poseline_output_t) * (size_t)POSELINE_OUTPUT_SIZE;
    poseline_input_t *input = malloc(sizeof(*input) * (size_t)POSELINE_INPUT_SIZE);
    poseline_output_t *output = calloc((size_t)POSELINE_OUTPUT_SIZE, sizeof(*output));
    poseline_person_t *persons = calloc(room, sizeof(*persons));

    if (size > 4U) {
        const size_t rest = size - 4U;
        uint8_t *pixels = NULL;

        picture.width = (int32_t)data[0] - 1;
        picture.height = (int32_t)data[1] - 1;
        picture.stride = (picture.width * POSELINE_INPUT_CHANNELS) + (int32_t)(data[2] % 4U) - 1;
        if ((picture.width > 0) && (picture.height > 0) && (picture.stride > 0)) {
            const size_t area = (size_t)picture.height * (size_t)picture.stride;

            pixels = calloc(area, 1U);
            memcpy(pixels, &data[4], (rest < area) ? rest : area);
        }
        picture.pixels = pixels;
        memcpy(output, &data[4], (rest < bytes) ? rest : bytes);
        (void)poseline_preprocess(&picture, input, (size_t)POSELINE_INPUT_SIZE);
        check(poseline_postprocess(output, (size_t)POSELINE_OUTPUT_SIZE, persons, room, &found) ==
              POSELINE_OK);
        check(found <= room);
        for (int pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < found; i++) {
                check(isfinite(persons[i].score));
                for (size_t k = 0; k < (size_t)POSELINE_KEYPOINTS; k++) {
                    check(isfinite(persons[i].keypoints[k].x) &&
                          isfinite(persons[i].keypoints[k].y) &&
                          isfinite(persons[i].keypoints[k].confidence));
                }
            }
            (void)poseline_to_picture(&picture, persons, found);
        }
        free(pixels);
    }
    free(persons);
    free(output);
    free(input);
    return 0;
}
