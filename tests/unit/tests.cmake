ridge_test(unit/base ridge_base m)
ridge_test(unit/flags ridge_cli)
ridge_test(unit/sampling ridge_engine m)
ridge_test(unit/gguf test_support PkgConfig::JANSSON m)
