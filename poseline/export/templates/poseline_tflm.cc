// The model in TensorFlow Lite Micro, with the operators that it needs and no others. Generated.
#include "poseline_tflm.h"

#include <cstddef>
#include <cstdint>

#include "poseline_model_data.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

// Kernels of your chip may ask for memory of their own (CMSIS-NN does): define it in bytes.
#ifndef POSELINE_ARENA_EXTRA
#define POSELINE_ARENA_EXTRA 0
#endif

namespace {{

alignas(16) uint8_t arena[POSELINE_ARENA_SIZE + POSELINE_ARENA_EXTRA];
tflite::MicroMutableOpResolver<{count}> resolver;
tflite::MicroInterpreter *interpreter = nullptr;

bool add_operators() {{
  return {adding};
}}

}}  // namespace

extern "C" int poseline_tflm_begin(void) {{
  int failed = 0;
  if (interpreter == nullptr) {{
    const tflite::Model *model = tflite::GetModel(poseline_model_data);
    failed = add_operators() ? 0 : 1;
    if (failed == 0) {{
      static tflite::MicroInterpreter made(model, resolver, arena, sizeof(arena));
      failed = (made.AllocateTensors() == kTfLiteOk) ? 0 : 2;
      interpreter = (failed == 0) ? &made : nullptr;
    }}
  }}
  return failed;
}}

extern "C" poseline_input_t *poseline_tflm_input(void) {{
  return (interpreter == nullptr) ? nullptr
                                  : interpreter->typed_input_tensor<poseline_input_t>(0);
}}

extern "C" int poseline_tflm_invoke(void) {{
  return ((interpreter != nullptr) && (interpreter->Invoke() == kTfLiteOk)) ? 0 : 1;
}}

extern "C" const poseline_output_t *poseline_tflm_output(void) {{
  return (interpreter == nullptr)
             ? nullptr
             : interpreter->typed_output_tensor<poseline_output_t>(POSELINE_OUTPUT_INDEX);
}}
