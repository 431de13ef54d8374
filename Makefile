# Sortyard. `make up` is all that is needed; the rest is for people who work on it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
PY     := $(VENV)/bin/python
PORT   ?= 8000
HOST   ?= 127.0.0.1

.PHONY: install up demo test test-full check bench screenshots seed-figures messages lock clean

install: $(VENV)/.installed

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sortyard needs Python 3.11 or newer: make up PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	touch $@

# --no-deps: the lock names every package, so that nothing has to be resolved.
$(VENV)/.installed: $(VENV)/.created requirements.lock package-lock.json scripts/vendor.py
	@echo "Installing Sortyard into $(VENV): some 3 minutes, mostly PyTorch …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	@$(PY) scripts/vendor.py
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.lock
	touch $@

up: install
	@exec $(PY) manage.py up --host $(HOST) --port $(PORT)

demo: install
	@exec $(PY) manage.py up --host $(HOST) --port $(PORT) --demo

# Embeddings and exported networks are kept by content: the parts of the suite make them once.
test: $(VENV)/.installed-dev
	sh scripts/ensure_browser.sh
	@set -e; export SORTYARD_TEST_CACHE=$$(mktemp -d); trap 'rm -rf "$$SORTYARD_TEST_CACHE"' EXIT; set -x; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -m "not full" -n 2 --dist loadfile --ignore=tests/browser --ignore=tests/faults; \
	$(PY) -m pytest -q -m "not full" tests/faults; \
	$(PY) -m pytest -q -m "not full" -n 2 --dist loadfile tests/browser

# Hours of walking: the whole of TrashNet in the browser and from the command line.
test-full: test
	$(PY) -m pytest -q -m "full" -s tests

check: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy webapp ml worker scripts tests/bench
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djlint templates --lint --quiet
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(PY) scripts/messages.py check
	SORTYARD_DATA=$$(mktemp -d) $(PY) manage.py makemigrations --check --dry-run
	SORTYARD_DATA=$$(mktemp -d) $(PY) manage.py check

bench: $(VENV)/.installed-dev
	$(PY) -m tests.bench

screenshots: $(VENV)/.installed-dev
	sh scripts/ensure_browser.sh
	$(PY) scripts/screenshots.py

# Hours on two cores; goes on where it was stopped. docs/seed-figures.md is what it writes.
seed-figures: $(VENV)/.installed-dev
	sh scripts/ensure_browser.sh
	$(PY) -m scripts.seed_figures $(if $(SIZE),--size $(SIZE)) $(if $(GRID_SIZE),--grid-size $(GRID_SIZE)) \
	  $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(PAIR224),--large-pair) \
	  $(if $(DATA),--data "$(DATA)") $(if $(OUT),--out "$(OUT)") $(if $(DOCS),--docs "$(DOCS)")

messages: $(VENV)/.installed-dev
	$(PY) scripts/messages.py update

lock: $(VENV)/.installed-dev
	$(PY) scripts/lock.py

clean:
	rm -rf $(VENV) node_modules static/vendor
