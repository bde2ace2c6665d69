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

/* A keypoint's heatmap within the output: its best value and, of logits, the sum of all cells'
 * exponentials. */
typedef struct {
    const poseline_output_t *values;
    int32_t keypoint;
    float highest;
    double sum;
} poseline_heatmap_t;

/* How far the top of a heatmap is from the centre of its best cell, in cells. */
typedef struct {
    double x;
    double y;
} poseline_shift_t;

/* Return a cell's value as the model puts it out. */
float poseline_cell(const poseline_heatmap_t *heatmap, int32_t row, int32_t column);

/* Read a heatmap whose best value is known once, before its likelihoods are asked for. */
void poseline_prepare(poseline_heatmap_t *heatmap);

/* Return the likelihood of a cell. */
double poseline_likelihood(const poseline_heatmap_t *heatmap, int32_t row, int32_t column);

/* What smaller likelihoods count as where their logarithms are taken. */
extern const double poseline_least_likelihood;

/* Return how sure the model is of its best cell. */
float poseline_confidence(const poseline_heatmap_t *heatmap, int32_t row, int32_t column);

/* Return the shift at the best cell by its neighbours. */
poseline_shift_t poseline_refined(const poseline_heatmap_t *heatmap, int32_t row, int32_t column);

#endif /* POSELINE_INTERNAL_H */
