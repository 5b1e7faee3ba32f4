ridge_test(check/formats ridge_formats m)
ridge_test(check/kernels ridge_cpu m)
target_sources(test_check_kernels PRIVATE check/data.c check/bench.c)
