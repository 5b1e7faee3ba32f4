ridge_test(unit/base ridge_base m)
