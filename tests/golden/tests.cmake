ridge_test(golden/sampling ridge_engine PkgConfig::JANSSON m)
