/* The model as TensorFlow Lite Micro and STM32Cube.AI read it. Generated. */
#ifndef POSELINE_MODEL_DATA_H
#define POSELINE_MODEL_DATA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define POSELINE_MODEL_BYTES {size}

extern const uint8_t poseline_model_data[POSELINE_MODEL_BYTES];

#ifdef __cplusplus
}}
#endif

#endif /* POSELINE_MODEL_DATA_H */
