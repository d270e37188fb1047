# The environment of the lock with this checkout in it: docker build -t cxr-report . (profiles/README.md)
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends git rsync && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/cxr
# The lock first: packages are installed anew only when it changes.
COPY requirements.cluster.lock.txt requirements.uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.uv.txt && uv pip install --system --compile-bytecode --require-hashes -r requirements.cluster.lock.txt
# Google Batch is not in the lock: its executor pins other packages.
RUN uv pip install --system snakemake-executor-plugin-googlebatch==0.5.1
COPY . .
RUN uv pip install --system --no-deps --no-build-isolation --editable .
ENV CXR_KEEP_ENV=1 CXR_BUILD_DIR=/opt/cxr/build
ENTRYPOINT ["cxr"]
CMD ["--help"]
