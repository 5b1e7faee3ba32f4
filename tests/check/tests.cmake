ridge_test(check/formats ridge_formats m)
