ridge_test(golden/sampling ridge_engine PkgConfig::JANSSON m)
ridge_test(golden/reference ridge_model ridge_plan PkgConfig::JANSSON m)
ridge_test(golden/tokenizer ridge_model PkgConfig::JANSSON PkgConfig::CRYPTO)
