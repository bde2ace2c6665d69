/* Pictures to a pose model's input, and its output to keypoints.
 *
 * No dynamic memory, no recursion, no global state that is written, no input or output of files.
 * Every function checks its arguments, and every loop is bounded by poseline_model.h.
 */
#ifndef POSELINE_H
#define POSELINE_H

#include <stddef.h>
#include <stdint.h>

#include "poseline_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest side of a picture in pixels. */
#define POSELINE_MAX_SIDE 16384

typedef enum {
    POSELINE_OK = 0,
    POSELINE_NULL_POINTER = 1,
    POSELINE_WRONG_SIZE = 2
} poseline_status_t;

/* A picture: rows of POSELINE_INPUT_CHANNELS bytes a pixel, in the order that POSELINE_COLOUR
 * names. `stride` is the distance between two rows in bytes. */
typedef struct {
    const uint8_t *pixels;
    int32_t width;
    int32_t height;
    int32_t stride;
} poseline_picture_t;

/* A keypoint: x and y as shares of the model's input, or in pixels of the picture after
 * poseline_to_picture(); confidence as the model puts it out. */
typedef struct {
    float x;
    float y;
    float confidence;
} poseline_keypoint_t;

typedef struct {
    poseline_keypoint_t keypoints[POSELINE_KEYPOINTS];
    float score;
} poseline_person_t;

/* Resize, rescale and quantize a picture as it was done in training.
 *
 * input: POSELINE_INPUT_SIZE values, the model's input tensor; `size` is how many there are.
 * Returns POSELINE_WRONG_SIZE where a side of the picture is not in [1, POSELINE_MAX_SIDE], a
 * row does not fit into the stride, or `size` is another one.
 */
poseline_status_t poseline_preprocess(const poseline_picture_t *picture, poseline_input_t *input,
                                      size_t size);

/* Find the persons in the model's output tensor POSELINE_OUTPUT_INDEX.
 *
 * output: POSELINE_OUTPUT_SIZE values; `size` is how many there are.
 * persons: Where to write; `room` is how many fit, at least 1. No more than
 *     POSELINE_MAX_PERSONS are found.
 * found: How many were written. Output values that are no numbers, or beyond 1e9, count as 0;
 *     what is written is always finite.
 */
poseline_status_t poseline_postprocess(const poseline_output_t *output, size_t size,
                                       poseline_person_t *persons, size_t room, size_t *found);

/* Turn the coordinates of persons into pixels of the picture that they were seen in. */
poseline_status_t poseline_to_picture(const poseline_picture_t *picture, poseline_person_t *persons,
                                      size_t count);

#ifdef __cplusplus
}
#endif

#endif /* POSELINE_H */
