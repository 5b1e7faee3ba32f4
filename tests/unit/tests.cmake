ridge_test(unit/base ridge_base m)
ridge_test(unit/flags ridge_cli)
