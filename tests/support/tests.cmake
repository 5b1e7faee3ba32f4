# What several tests share: writers of GGUF files and of tiny models.
file(GLOB support_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/support/*.c)
add_library(test_support STATIC ${support_sources})
target_include_directories(test_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(test_support PUBLIC ridge_model ridge_formats ridge_base)
