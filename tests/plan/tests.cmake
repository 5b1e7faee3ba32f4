ridge_test(plan/same_bits test_support ridge_cpu ridge_model)
ridge_test(plan/packed ridge_engine test_support)
