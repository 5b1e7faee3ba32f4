# Programs that run build/ridge as a user does: `ridge_e2e(pull)` runs pull.py with ridge's path as its argument.
# More arguments are passed on, before unittest's own. The system's python3 comes first: it has the packages that apt installs.
find_program(RIDGE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(RIDGE_PYTHON python3 REQUIRED)
function(ridge_e2e name)
  add_test(NAME e2e/${name} COMMAND ${RIDGE_PYTHON} ${CMAKE_SOURCE_DIR}/tests/e2e/${name}.py $<TARGET_FILE:ridge> ${ARGN})
  set_tests_properties(e2e/${name} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "ASAN_OPTIONS=handle_segv=2:detect_leaks=1")
endfunction()

ridge_e2e(pull)
ridge_e2e(pull_default)
if(NOT RIDGE_SANITIZE)                          # they keep memory of their own beside a program's
  ridge_e2e(memory)
endif()
add_executable(tiny_model_file ${CMAKE_CURRENT_LIST_DIR}/tiny_model_file.c)
target_link_libraries(tiny_model_file PRIVATE test_support)
ridge_e2e(cli $<TARGET_FILE:tiny_model_file>)
ridge_e2e(chat $<TARGET_FILE:tiny_model_file>)
ridge_e2e(example $<TARGET_FILE:tiny_model_file> $<TARGET_FILE:complete>)
ridge_e2e(bench)
ridge_e2e(profile $<TARGET_FILE:tiny_model_file>)
ridge_e2e(ladder $<TARGET_FILE:tiny_model_file>)
ridge_e2e(report)
ridge_e2e(quantize $<TARGET_FILE:tiny_model_file>)
ridge_e2e(tune $<TARGET_FILE:tiny_model_file>)
ridge_e2e(pack $<TARGET_FILE:tiny_model_file>)
if(NOT RIDGE_SANITIZE)      # what it times, check/kernels runs there, too
  ridge_e2e(kernel_times $<TARGET_FILE:test_check_kernels>)
endif()
