# Horovod 0.28.1 pins C++14; the headers of torch 2.12 need C++17. CMake reads this file through
# the environment variable CMAKE_TOOLCHAIN_FILE, so that Horovod's source stays as released.
set(CMAKE_USER_MAKE_RULES_OVERRIDE_CXX "${CMAKE_CURRENT_LIST_DIR}/cxx17_flags.cmake")
