# The environment of the lock with this checkout in it: docker build -t cxr-report . (profiles/README.md)
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends git rsync && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/cxr
# The lock first: packages are installed anew only when it changes.
COPY requirements.lock.txt requirements.uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.uv.txt && uv pip install --system --compile-bytecode --require-hashes -r requirements.lock.txt
# What only a cluster needs: Snakemake's executors and its storage plugin for a mounted folder.
RUN uv pip install --system snakemake-executor-plugin-kubernetes==0.5.1 snakemake-executor-plugin-googlebatch==0.5.1 \
    snakemake-storage-plugin-fs==1.1.3
COPY . .
RUN uv pip install --system --no-deps --no-build-isolation --editable .
ENV CXR_KEEP_ENV=1 CXR_BUILD_DIR=/opt/cxr/build
ENTRYPOINT ["cxr"]
CMD ["--help"]
