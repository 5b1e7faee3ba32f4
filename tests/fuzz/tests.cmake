# Fuzz targets: fuzz/X.c defines LLVMFuzzerTestOneInput. Each is also a plain test that replays a corpus and mutations. With
# -DRIDGE_FUZZ=ON -DRIDGE_SANITIZE=address,undefined,fuzzer-no-link (clang) it is built as fuzz_X too, a libFuzzer program:
# fuzz_gguf -max_total_time=60 NEW tests/fuzz/corpus/gguf looks for new inputs, and keeps what reaches new code in the folder NEW.
option(RIDGE_FUZZ "build the libFuzzer programs (clang)" OFF)
function(ridge_fuzz name)
  ridge_test(fuzz/${name} test_support ${ARGN})
  target_sources(test_fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/replay.c)
  if(RIDGE_FUZZ)
    add_executable(fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${name}.c)
    target_include_directories(fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(fuzz_${name} PRIVATE RIDGE_FUZZ RIDGE_TESTS="${CMAKE_CURRENT_SOURCE_DIR}")
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${name} PRIVATE test_support ${ARGN})
  endif()
endfunction()

ridge_fuzz(gguf ridge_model)
