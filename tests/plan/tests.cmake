ridge_test(plan/same_bits test_support ridge_cpu ridge_model)
