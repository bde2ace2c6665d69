#include "poseline_internal.h"

poseline_status_t poseline_checked(const poseline_picture_t *picture)
{
    poseline_status_t status = POSELINE_OK;

    if ((picture == NULL) || (picture->pixels == NULL)) {
        status = POSELINE_NULL_POINTER;
    } else if ((picture->width < 1) || (picture->width > POSELINE_MAX_SIDE) ||
               (picture->height < 1) || (picture->height > POSELINE_MAX_SIDE) ||
               (picture->stride < (picture->width * POSELINE_INPUT_CHANNELS))) {
        status = POSELINE_WRONG_SIZE;
    } else {
        status = POSELINE_OK;
    }
    return status;
}

size_t poseline_at(const poseline_place_t *place, int32_t row, int32_t column)
{
    const int32_t pixel =
        ((place->top + row) * POSELINE_INPUT_WIDTH) + place->left + column;

    return (size_t)pixel * (size_t)POSELINE_INPUT_CHANNELS;
}

poseline_status_t poseline_preprocess(const poseline_picture_t *picture, poseline_input_t *input,
                                      size_t size)
{
    poseline_status_t status = poseline_checked(picture);

    if ((status == POSELINE_OK) && (input == NULL)) {
        status = POSELINE_NULL_POINTER;
    }
    if ((status == POSELINE_OK) && (size != (size_t)POSELINE_INPUT_SIZE)) {
        status = POSELINE_WRONG_SIZE;
    }
    if (status == POSELINE_OK) {
        const poseline_place_t place = poseline_placed(picture);

        if ((place.width < POSELINE_INPUT_WIDTH) || (place.height < POSELINE_INPUT_HEIGHT)) {
            for (size_t i = 0U; i < size; i++) {
                input[i] = poseline_input_table[0]; /* black */
            }
        }
        poseline_resize(picture, &place, input);
    }
    return status;
}

poseline_status_t poseline_to_picture(const poseline_picture_t *picture, poseline_person_t *persons,
                                      size_t count)
{
    poseline_status_t status = poseline_checked(picture);

    if ((status == POSELINE_OK) && (persons == NULL)) {
        status = POSELINE_NULL_POINTER;
    }
    if (status == POSELINE_OK) {
        const poseline_place_t place = poseline_placed(picture);
        const double scale_x = (double)place.width / (double)picture->width;
        const double scale_y = (double)place.height / (double)picture->height;

        for (size_t i = 0U; i < count; i++) {
            for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
                poseline_keypoint_t *point = &persons[i].keypoints[k];
                const double x = (double)point->x * (double)POSELINE_INPUT_WIDTH;
                const double y = (double)point->y * (double)POSELINE_INPUT_HEIGHT;

                point->x = (float)((x - (double)place.left) / scale_x);
                point->y = (float)((y - (double)place.top) / scale_y);
            }
        }
    }
    return status;
}
