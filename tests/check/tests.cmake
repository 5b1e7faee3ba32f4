ridge_test(check/formats ridge_formats m)
ridge_test(check/kernels ridge_cpu ridge_perf m)
target_sources(test_check_kernels PRIVATE check/data.c check/timing.c check/time_matmul.c check/time_rows.c check/time_attention.c)
