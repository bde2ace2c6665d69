# The image of the operator: kopf, without KFP's SDK, TensorFlow and MLflow.
# Build it with BuildKit from the root of the tree, as `make images` does.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm
# The same Python, with what a build needs: venv, pip and strip.
ARG BUILD_IMAGE=docker.io/library/python:3.11-bookworm

FROM ${BUILD_IMAGE} AS build
SHELL ["/bin/sh", "-euc"]
WORKDIR /build
# For a mirror without a password. A password and a certificate go into the build secrets pip.conf
# and ca, which stay in no layer.
ARG PIP_INDEX_URL=
RUN python3 -m venv /opt/tools && python3 -m venv --without-pip /opt/poseline

FROM build AS dependencies
COPY images/prune.sh locks/operator.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    /opt/tools/bin/pip --python /opt/poseline/bin/python install --require-hashes --no-deps \
    --no-compile -r operator.txt; \
    sh prune.sh /opt/poseline

FROM build AS application
COPY locks/build.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    /opt/tools/bin/pip install --require-hashes -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY poseline poseline
COPY components components
COPY pipelines pipelines
COPY poseline_kfp poseline_kfp
COPY examples/demo.yaml examples/
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist .; \
    /opt/tools/bin/pip --python /opt/poseline/bin/python install --no-deps --no-index dist/*.whl

FROM ${BASE_IMAGE}
# The base's own pip: everything is installed by now.
RUN rm -rf /usr/local/lib/python3.*/site-packages/* /usr/local/lib/python3.*/ensurepip \
    /usr/local/bin/pip*
COPY --from=dependencies /opt/poseline /opt/poseline
COPY --from=application /opt/poseline /opt/poseline
COPY LICENSE /licenses/
# All that is written goes to /tmp, so the root may be read-only; no user needs an entry in passwd.
ENV PATH=/opt/poseline/bin:$PATH \
    HOME=/tmp \
    LOGNAME=poseline \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["poseline"]
# Last, since they change with every commit.
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="poseline-operator" \
      org.opencontainers.image.description="Poseline's operator: PoseExperiment and PoseSchedule on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/poseline/poseline" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
