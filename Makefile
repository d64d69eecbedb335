# seqlab: `make run` and `make test` are all one needs; `make help` lists the rest.
#
# Layers: engine -> libengine.a, models -> libmodels.a, app (without main.c) -> libapp.a.  Sources are
# found by wildcard: a new file needs no edit here.  MODE=asan|ubsan|tsan|double|dev|cov|fuzz builds into
# build/<mode>/; the release build's program is build/seqlab.

MODE    ?= release
CC      ?= cc
B       := build/$(MODE)
PROGRAM := $(if $(filter release,$(MODE)),build/seqlab,$(B)/seqlab)
PREFIX  ?= /usr/local
VERSION := 0.1.0

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wdouble-promotion -Wformat=2 -Wstrict-prototypes \
        -Wmissing-prototypes -Wundef -Wvla -Wcast-qual -Wwrite-strings -Wpointer-arith -Wnull-dereference -fno-common
# -Wnull-dereference follows paths through inlined code and is wrong under the sanitizers.
OPT_release := -O2 -fno-math-errno
OPT_dev     := -O1 -g -Werror -DTAPE_STRICT -fno-math-errno
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -Wno-null-dereference
OPT_ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=undefined -Wno-null-dereference
OPT_tsan    := -O1 -g -fsanitize=thread -Wno-null-dereference
OPT_double  := -O2 -fno-math-errno -DSEQLAB_DOUBLE -Wno-double-promotion
OPT_cov     := -O0 -g --coverage
OPT_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -Wno-null-dereference
SAN         := $(filter -fsanitize=%,$(OPT_$(MODE))) $(filter --coverage,$(OPT_$(MODE)))

CPPFLAGS += -I. -D_POSIX_C_SOURCE=200809L -DSEQLAB_VERSION='"$(VERSION)"' -DSEQLAB_PREFIX='"$(PREFIX)"'
CFLAGS   += -std=c11 -g $(WARN) $(OPT_$(MODE)) -pthread
LDLIBS   := -lncursesw -ltinfo -lreadline -lopenblas -ljansson -lcsv -lz -lxxhash -lutf8proc -lm
# PNG is written where cairo is; asked when a recipe runs, since `deps` may just have installed it.
CAIRO     = $(shell ls /usr/include/cairo/cairo.h /usr/local/include/cairo/cairo.h 2>/dev/null)

# The vector kernels: one source, one object a processor level; tensor/kernels_choose.c chooses at start.
# Fused multiply-adds, but sums stay in the order written (no -fassociative-math: exp would lose digits, and a row's bits
# could depend on its neighbours) and NaN stays visible.
KERNEL_FLAGS := -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math
ISA_avx512   := $(KERNEL_FLAGS) -march=x86-64-v4 -DKERNEL_ISA=avx512
ISA_avx2     := $(KERNEL_FLAGS) -march=x86-64-v3 -DKERNEL_ISA=avx2
ISA_baseline := $(KERNEL_FLAGS) -DKERNEL_ISA=baseline
ISAS         := $(if $(filter double,$(MODE)),baseline,$(if $(filter x86_64,$(shell uname -m)),avx512 avx2 baseline,baseline))

ENGINE_SRC := $(filter-out engine/tensor/kernels.c,$(wildcard engine/*/*.c))
MODEL_SRC  := $(wildcard models/*.c)
APP_SRC    := $(filter-out app/main.c,$(wildcard app/*.c app/*/*.c))
ENGINE_OBJ := $(ENGINE_SRC:%.c=$(B)/%.o) $(ISAS:%=$(B)/engine/tensor/kernels.%.o)
MODEL_OBJ  := $(MODEL_SRC:%.c=$(B)/%.o)
APP_OBJ    := $(APP_SRC:%.c=$(B)/%.o)
# The double build checks gradients: it needs no screen.
LIBS       := $(if $(filter double,$(MODE)),,$(B)/libapp.a) $(B)/libmodels.a $(B)/libengine.a

TEST_SRC     := $(wildcard tests/unit/test_*.c tests/grad/test_*.c tests/golden/test_*.c tests/contract/test_*.c tests/tui/test_*.c)
TEST_BIN     := $(TEST_SRC:%.c=$(B)/%)
SUPPORT_OBJ  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
BENCH_BIN    := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))

.PHONY: all run test test-long test-one test-grad-double test-bins bench bench-bins results fuzz mutants valgrind dev check lint \
        format tidy cppcheck cov compdb deps install clean help FORCE
.SUFFIXES:
.SECONDARY:
all: $(PROGRAM) ## build the program: build/seqlab

# Compiler and flags are part of what an object depends on.
$(B)/flags: FORCE | deps
	@mkdir -p $(B); echo '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS)' > $@

$(B)/cairo: FORCE | deps
	@mkdir -p $(B); echo '$(CAIRO)' | cmp -s - $@ || echo '$(CAIRO)' > $@
$(B)/app/ui/png.o: $(B)/cairo
$(B)/app/ui/png.o: CPPFLAGS += $(if $(CAIRO),-DHAVE_CAIRO)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
define KERNEL_RULE
$(B)/engine/tensor/kernels.$(1).o: engine/tensor/kernels.c $(B)/flags
	@mkdir -p $$(@D)
	$$(QUIET)$$(CC) $$(CPPFLAGS) $$(filter-out -O1 -O2 -O0,$$(CFLAGS)) $$(ISA_$(1)) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call KERNEL_RULE,$(isa))))

$(B)/libengine.a: $(ENGINE_OBJ)
$(B)/libmodels.a: $(MODEL_OBJ)
$(B)/libapp.a: $(APP_OBJ)
$(B)/libsupport.a: $(SUPPORT_OBJ)
$(B)/lib%.a:
	@rm -f $@; $(AR) rcs $@ $^

$(PROGRAM): $(B)/app/main.o $(LIBS)
	$(QUIET)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) $^ $(LDLIBS) $(if $(CAIRO),-lcairo) -o $@

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(LIBS)
	$(QUIET)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) $^ $(LDLIBS) $(if $(CAIRO),-lcairo) -o $@
$(B)/tests/%: $(B)/tests/%.o $(B)/libsupport.a $(LIBS)
	$(QUIET)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) $^ -lcmocka -lvterm -lutil $(LDLIBS) $(if $(CAIRO),-lcairo) -o $@

# Allocators that a test can make fail; calls from the libraries of this tree are counted, those of the system are not.
$(B)/tests/unit/test_%_oom: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap
$(B)/tests/contract/test_steady: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=mmap

QUIET = @echo "  $(if $(filter %.o,$@),CC,LD)  $@";

run: $(PROGRAM) ## open the explorer on the world `bazaar`, SASRec already training
	@$(PROGRAM)

test: all test-bins test-grad-double ## the whole quick suite; closes with `N passed, N failed`
	@MODE=$(MODE) tests/tools/run_tests.sh $(TEST_BIN) $(wildcard $(patsubst %.c,build/double/%,$(wildcard tests/grad/test_*.c)))
test-bins: $(TEST_BIN)
test-grad-double: deps ## build the gradient checks in double precision
	@+if [ "$(MODE)" = release ]; then $(MAKE) --no-print-directory MODE=double $(patsubst %.c,build/double/%,$(wildcard tests/grad/test_*.c)); fi
test-one: $(PROGRAM) $(B)/tests/$(T) ## one test binary: make test-one T=unit/test_arena
	@MODE=$(MODE) tests/tools/run_tests.sh $(B)/tests/$(T)
test-long: all ## planted patterns over several seeds, kill -9, storms, worlds, real data: three hours
	@for t in tests/long/*.sh; do echo "== $$t"; SEQLAB=$(PROGRAM) sh $$t || exit 1; done
bench-bins: all $(BENCH_BIN)
bench: bench-bins ## times: our steps against PyTorch (when it is there), kernels, start, keys
	@SEQLAB=$(PROGRAM) BENCH=$(B)/tests/bench sh tests/bench/run.sh
results: all ## the table of models and worlds; figures on real data by the protocols of the papers
	@SEQLAB=$(PROGRAM) sh tests/tools/results.sh
fuzz: ## libFuzzer on every parser, a minute each (clang)
	@sh tests/fuzz/run.sh
mutants: ## plant known mistakes one at a time: a test must fail for each
	@sh tests/tools/mutants.sh
valgrind: test-bins ## the suite under valgrind: a quarter of an hour
	@sh tests/tools/valgrind.sh $(TEST_BIN)
dev: ; @+$(MAKE) --no-print-directory MODE=dev all ## debug build: asserts, -Werror
check: lint test ; @+$(MAKE) --no-print-directory MODE=asan test ## lint, tests, tests under sanitizers
lint: all ## layers, banned calls, tables
	@B=$(B) sh tests/tools/lint.sh
format: ## clang-format everything
	@clang-format -i $(shell git ls-files '*.c' '*.h')
tidy: ; @clang-tidy -quiet $(ENGINE_SRC) $(MODEL_SRC) $(APP_SRC) -- $(CPPFLAGS) -std=c11 ## clang-tidy
cppcheck: ; @cppcheck -q --enable=warning,portability --inline-suppr -I. engine models app ## cppcheck
cov: ## line and branch coverage (gcovr)
	@+$(MAKE) --no-print-directory MODE=cov test; gcovr -r . build/cov --exclude tests --print-summary | tail -40
compdb: ; @bear -- $(MAKE) -B all ## compile_commands.json

# One quiet apt call, and none when everything is there: the check looks for one file a package.
PKG_FILES := openblas_config.h:libopenblas-dev curses.h:libncurses-dev readline/readline.h:libreadline-dev jansson.h:libjansson-dev \
  csv.h:libcsv-dev zlib.h:zlib1g-dev xxhash.h:libxxhash-dev utf8proc.h:libutf8proc-dev cmocka.h:libcmocka-dev vterm.h:libvterm-dev
MISSING   := $(strip $(foreach p,$(PKG_FILES),$(if $(wildcard $(foreach d,/usr/include /usr/include/*-linux-gnu /usr/local/include,\
  $(d)/$(firstword $(subst :, ,$(p))))),,$(lastword $(subst :, ,$(p))))))
# PNG export wants cairo; nothing else does, so it comes along with the rest or is left out.
WANTED    := $(if $(CAIRO),,libcairo2-dev)
deps: ## install what is missing (Debian)
ifneq ($(MISSING),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "  installing $(MISSING) $(WANTED)"; \
	  { apt-get update -qq; get() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@"; }; \
	    get $(MISSING) $(WANTED) || get $(MISSING); } \
	    >/tmp/seqlab-deps.$$$$ 2>&1 || { cat /tmp/seqlab-deps.$$$$; rm -f /tmp/seqlab-deps.$$$$; exit 1; }; rm -f /tmp/seqlab-deps.$$$$; \
	else echo "missing: $(MISSING).  Install these packages (as root: apt-get install $(MISSING)) and run make again." >&2; exit 1; fi
endif

install: $(PROGRAM) ## into PREFIX (/usr/local)
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/seqlab
	install -D -m 644 app/seqlab.1 $(DESTDIR)$(PREFIX)/share/man/man1/seqlab.1
	install -d $(DESTDIR)$(PREFIX)/share/seqlab/lessons
	install -m 644 sample_data/lessons/* $(DESTDIR)$(PREFIX)/share/seqlab/lessons
clean: ## remove build/
	rm -rf build
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 20

-include $(shell find $(B) -name '*.d' 2>/dev/null)
