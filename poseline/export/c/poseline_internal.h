/* What the parts of the library share. */
#ifndef POSELINE_INTERNAL_H
#define POSELINE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "poseline.h"

/* Where a picture lies in the model's input, in pixels of the input. */
typedef struct {
    int32_t left;
    int32_t top;
    int32_t width;
    int32_t height;
} poseline_place_t;

/* Return where a picture that was checked lies in the input: all of it, or padded. */
poseline_place_t poseline_placed(const poseline_picture_t *picture);

/* Return whether a picture can be read. */
poseline_status_t poseline_checked(const poseline_picture_t *picture);

/* Write a picture, resized to its place, through poseline_input_table into the input. */
void poseline_resize(const poseline_picture_t *picture, const poseline_place_t *place,
                     poseline_input_t *input);

/* Return a value of the output as a real number; 0 where it is none, or beyond 1e9. */
float poseline_real(poseline_output_t value);

/* Return the position in the input of the pixel (row, column) of a place. */
size_t poseline_at(const poseline_place_t *place, int32_t row, int32_t column);

/* Find the persons in an output that was checked; return how many. */
size_t poseline_decode(const poseline_output_t *output, poseline_person_t *persons, size_t room);

/* How far the top of a heatmap is from the centre of its best cell, in cells. */
typedef struct {
    double x;
    double y;
} poseline_shift_t;

/* Return the shift at a cell by its neighbours; zero at the border along that axis. */
poseline_shift_t poseline_refined(const poseline_output_t *heatmaps, int32_t row, int32_t column,
                                  int32_t keypoint);

#endif /* POSELINE_INTERNAL_H */
