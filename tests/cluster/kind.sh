#!/usr/bin/env bash
# A kind cluster with Kubeflow Pipelines, our images and the chart: `make kind-up`.
# Needs docker, kind, kubectl and helm. No machine of the project's own can pull kind's node image,
# so this script has been checked by shellcheck, and its chart values by Helm; it has not been run.
set -euo pipefail
cd "$(dirname "$0")/../.."
kfp=2.17.0
cluster=${KIND_CLUSTER:-poseline}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' poseline/__init__.py)
manifests=github.com/kubeflow/pipelines/manifests/kustomize

for program in docker kind kubectl helm; do
  command -v "$program" >/dev/null || { echo "kind-up needs $program" >&2; exit 1; }
done
kind get clusters | grep -qx "$cluster" || kind create cluster --name "$cluster" --wait 3m
kube() { kubectl --context="kind-$cluster" "$@"; }

kube apply -k "$manifests/cluster-scoped-resources?ref=$kfp"
kube wait --for=condition=Established --timeout=60s crd/workflows.argoproj.io
kube apply -k "$manifests/env/platform-agnostic?ref=$kfp"

for world in ml pipelines operator; do
  kind load docker-image --name "$cluster" "poseline-$world:$version"
done
kube -n kubeflow wait --for=condition=Available --timeout=15m deployment --all
helm upgrade --install poseline charts/poseline --kube-context "kind-$cluster" \
  --namespace kubeflow --wait --values charts/poseline/ci/kind-values.yaml
echo "KFP's pages: kubectl --context=kind-$cluster -n kubeflow port-forward svc/ml-pipeline-ui 8080:80"
