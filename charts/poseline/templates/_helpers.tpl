{{/* Name of the chart, cut to what a label takes. */}}
{{- define "poseline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of every object's name; short enough that a suffix still fits. */}}
{{- define "poseline.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "poseline.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of an object: (list root component). */}}
{{- define "poseline.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: poseline
{{ include "poseline.selector" . }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels that tell one component's pods: (list root component). */}}
{{- define "poseline.selector" -}}
app.kubernetes.io/name: {{ include "poseline.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Reference of an image: (list root image). */}}
{{- define "poseline.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the restricted Pod Security standard asks of a pod. */}}
{{- define "poseline.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What the restricted Pod Security standard asks of a container, and a read-only root. */}}
{{- define "poseline.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "poseline.serviceAccount" -}}
{{- ternary (default (include "poseline.fullname" .) .Values.serviceAccount.name) (default "default" .Values.serviceAccount.name) .Values.serviceAccount.create -}}
{{- end -}}

{{/* The one place that says where MLflow is. */}}
{{- define "poseline.mlflowUri" -}}
{{- if .Values.mlflow.embedded.enabled -}}
{{- printf "http://%s-mlflow.%s.svc:5000" (include "poseline.fullname" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.mlflow.trackingUri -}}
{{- end -}}
{{- end -}}

{{/* The one place that says where S3 is, and with which secret. */}}
{{- define "poseline.s3Endpoint" -}}
{{- if .Values.objectStore.embedded.enabled -}}
{{- printf "http://%s-s3.%s.svc:8333" (include "poseline.fullname" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.objectStore.endpoint -}}
{{- end -}}
{{- end -}}

{{- define "poseline.s3Secret" -}}
{{- if and .Values.objectStore.embedded.enabled (not .Values.objectStore.secretName) -}}
{{- printf "%s-s3" (include "poseline.fullname" .) -}}
{{- else -}}
{{- .Values.objectStore.secretName -}}
{{- end -}}
{{- end -}}

{{/* Resources without what is not set. */}}
{{- define "poseline.resources" -}}
{{- $made := dict -}}
{{- range $kind := list "requests" "limits" -}}
{{- $amounts := dict -}}
{{- range $name, $amount := index $ $kind -}}
{{- if $amount -}}{{- $_ := set $amounts $name $amount -}}{{- end -}}
{{- end -}}
{{- if $amounts -}}{{- $_ := set $made $kind $amounts -}}{{- end -}}
{{- end -}}
{{ toYaml $made }}
{{- end -}}

{{/* A claim: (list root component storage). */}}
{{- define "poseline.claim" -}}
{{- $root := index . 0 -}}
{{- $storage := index . 2 -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "poseline.fullname" $root }}-{{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "poseline.labels" (list $root (index . 1)) | nindent 4 }}
  {{- if $storage.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with $storage.className }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $storage.size }}
{{- end -}}

{{/* The operator's settings. */}}
{{- define "poseline.operatorEnv" -}}
- name: POSELINE_OWN_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POSELINE_IDENTITY
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POSELINE_NAMESPACES
  value: {{ ternary "" .Release.Namespace .Values.operator.clusterWide | quote }}
- name: POSELINE_KUBEFLOW_HOST
  value: {{ .Values.kubeflow.host | quote }}
- name: POSELINE_KUBEFLOW_NAMESPACE
  value: {{ .Values.kubeflow.namespace | quote }}
- name: POSELINE_KUBEFLOW_EXPERIMENT
  value: {{ .Values.kubeflow.experiment | quote }}
- name: POSELINE_KUBEFLOW_UI
  value: {{ .Values.kubeflow.uiUrl | quote }}
{{- if .Values.kubeflow.tokenAudience }}
- name: POSELINE_KUBEFLOW_TOKEN_FILE
  value: /var/run/secrets/kubeflow/token
{{- end }}
{{- if .Values.kubeflow.caConfigMap }}
- name: POSELINE_KUBEFLOW_CA_FILE
  value: /etc/kubeflow-ca/ca.crt
{{- end }}
- name: POSELINE_PLATFORM_FILE
  value: /etc/poseline/platform.yaml
- name: POSELINE_ALLOW_FILE
  value: /etc/poseline/allow.yaml
- name: POSELINE_SCHEDULES_FILE
  value: /etc/poseline/schedules.yaml
{{- include "poseline.datasetsEnv" . }}
- name: POSELINE_LISTEN
  value: 0.0.0.0:8080
- name: POSELINE_LOG_JSON
  value: "1"
- name: POSELINE_LOG_LEVEL
  value: {{ .Values.operator.logLevel }}
- name: HOME
  value: /tmp
{{- with include "poseline.mlflowUri" . }}
- name: POSELINE_MLFLOW_URL
  value: {{ . | quote }}
{{- end }}
{{- if .Values.mlflow.secretName }}
{{- range $key := list "MLFLOW_TRACKING_TOKEN" "MLFLOW_TRACKING_USERNAME" "MLFLOW_TRACKING_PASSWORD" }}
- name: {{ $key }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.mlflow.secretName }}
      key: {{ $key }}
      optional: true
{{- end }}
{{- end }}
{{- range $name, $value := .Values.operator.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Secret that the operator looks at data sets on S3 with. */}}
{{- define "poseline.datasetsSecret" -}}
{{- default (include "poseline.s3Secret" .) .Values.operator.datasets.secretName -}}
{{- end -}}

{{/* Where the data sets are that the operator looks at, and with which credentials. */}}
{{- define "poseline.datasetsEnv" -}}
{{- with include "poseline.s3Endpoint" . }}
- name: AWS_ENDPOINT_URL_S3
  value: {{ . | quote }}
{{- end }}
- name: AWS_REGION
  value: {{ .Values.objectStore.region | quote }}
{{- if include "poseline.datasetsSecret" . }}
- name: POSELINE_S3_SECRET
  value: /var/run/secrets/poseline-s3
{{- end }}
{{- if .Values.objectStore.caConfigMap }}
- name: AWS_CA_BUNDLE
  value: /etc/s3-ca/ca.crt
{{- end }}
{{- if .Values.operator.datasets.claim }}
- name: POSELINE_DATASETS_FOLDER
  value: {{ .Values.operator.datasets.path | quote }}
{{- end }}
{{- end -}}

{{/* S3 credentials of a pod of the release's own. */}}
{{- define "poseline.s3Env" -}}
{{- if include "poseline.s3Secret" . }}
{{- range $key := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ $key }}
  valueFrom:
    secretKeyRef:
      name: {{ include "poseline.s3Secret" $ }}
      key: {{ $key }}
{{- end }}
{{- end }}
- name: AWS_DEFAULT_REGION
  value: {{ .Values.objectStore.region | quote }}
{{- with include "poseline.s3Endpoint" . }}
- name: MLFLOW_S3_ENDPOINT_URL
  value: {{ . | quote }}
- name: AWS_ENDPOINT_URL_S3
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* What may be named, as regular expressions by list: what the installation uses, and what
`operator.allow` adds. */}}
{{- define "poseline.allowed" -}}
{{- $platform := .Values.platform -}}
{{- $own := dict
  "images" (list $platform.images.ml $platform.images.pipelines)
  "secrets" (concat $platform.images.pullSecrets (list (include "poseline.s3Secret" .) .Values.mlflow.secretName $platform.search.secretName))
  "serviceAccounts" (list $platform.serviceAccount)
  "runtimes" (list $platform.train.runtime)
  "volumeClaims" (list $platform.cacheClaim)
  "configMaps" (list .Values.objectStore.caConfigMap)
  "devices" (list $platform.gpu.resource)
  "environment" (keys $platform.env | sortAlpha)
  "nodeLabels" list "taints" list "labels" list "annotations" list "users" list "endpoints" list -}}
{{- range $map := list $platform.nodeSelector $platform.gpu.nodeSelector -}}
{{- range $key, $value := $map -}}{{- $_ := set $own "nodeLabels" (append $own.nodeLabels (printf "%s=%s" $key $value)) -}}{{- end -}}
{{- end -}}
{{- range $name := list "labels" "annotations" -}}
{{- range $key, $value := index $platform $name -}}{{- $_ := set $own $name (append (index $own $name) (printf "%s=%s" $key $value)) -}}{{- end -}}
{{- end -}}
{{- range $taint := concat $platform.tolerations $platform.gpu.tolerations -}}
{{- $value := ternary (printf "=%s" (default "" $taint.value)) "" (eq (default "" $taint.operator) "Equal") -}}
{{- $effect := ternary (printf ":%s" (default "" $taint.effect)) "" (not (empty $taint.effect)) -}}
{{- $_ := set $own "taints" (append $own.taints (printf "%s%s%s" (default "" $taint.key) $value $effect)) -}}
{{- end -}}
{{- range $id := list $platform.securityContext.runAsUser $platform.securityContext.runAsGroup -}}
{{- if $id -}}{{- $_ := set $own "users" (append $own.users (toString (int64 $id))) -}}{{- end -}}
{{- end -}}
{{- $made := dict -}}
{{- range $name, $texts := $own -}}
{{- $patterns := list -}}
{{- range $text := $texts -}}{{- $patterns = append $patterns (printf "^%s$" (regexQuoteMeta $text)) -}}{{- end -}}
{{- if ne $name "endpoints" -}}
{{- range $pattern := index $.Values.operator.allow $name -}}
{{- $patterns = append $patterns (printf "^%s$" (regexQuoteMeta $pattern | replace "\\*\\*" ".*" | replace "\\*" "[^/]*" | replace "\\?" "[^/]")) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $made $name (uniq $patterns) -}}
{{- end -}}
{{- $servers := list -}}
{{- range $url := list (include "poseline.s3Endpoint" .) (include "poseline.mlflowUri" .) -}}
{{- $servers = append $servers (include "poseline.server" (regexQuoteMeta (regexReplaceAll "^([^/]*//[^/]*).*$" $url "${1}"))) -}}
{{- end -}}
{{- range $pattern := .Values.operator.allow.endpoints -}}
{{- $servers = append $servers (include "poseline.server" (regexQuoteMeta (trimSuffix "/" $pattern) | replace "\\*\\*" ".*" | replace "\\*" "[^/@#?\\\\]*" | replace "\\?" "[^/@#?\\\\]")) -}}
{{- end -}}
{{- $_ := set $made "endpoints" (uniq $servers) -}}
{{ toYaml $made }}
{{- end -}}

{{/* A server's regular expression with any path: its default port may be written or not. */}}
{{- define "poseline.server" -}}
{{- if . -}}
{{- $port := ternary "(:80)?" (ternary "(:443)?" "" (hasPrefix "https:" .)) (hasPrefix "http:" .) -}}
{{- printf "(?i)^%s%s(/[^@\\\\]*)?$" . $port -}}
{{- else -}}
^$
{{- end -}}
{{- end -}}

{{/* Namespace of the runs: a single-user KFP has it in its own; empty: that of each experiment. */}}
{{- define "poseline.runsNamespace" -}}
{{- $runs := .Values.kubeflow.namespace -}}
{{- ternary "" (default "kubeflow" $runs) (eq $runs "*") -}}
{{- end -}}

{{/* Service account of the runs: KFP's own is another one where each run has a namespace. */}}
{{- define "poseline.runsAccount" -}}
{{- default (ternary "default-editor" "pipeline-runner" (not (empty .Values.kubeflow.namespace))) .Values.platform.serviceAccount -}}
{{- end -}}

{{/* Peers that may talk to the release's own servers: its pods, tasks of pipelines, and others. */}}
{{- define "poseline.peers" -}}
{{- $tasks := dict "matchLabels" (dict "app.kubernetes.io/part-of" "poseline") -}}
{{- $peers := list (dict "podSelector" $tasks) -}}
{{- $runs := .Values.kubeflow.namespace -}}
{{- if or .Values.operator.clusterWide (eq $runs "*") -}}
{{- $peers = append $peers (dict "namespaceSelector" dict "podSelector" $tasks) -}}
{{- else if and $runs (ne $runs .Release.Namespace) -}}
{{- $peers = append $peers (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" $runs)) "podSelector" $tasks) -}}
{{- else if not $runs -}}
{{- $peers = append $peers (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" "kubeflow")) "podSelector" $tasks) -}}
{{- end -}}
{{ toYaml (concat $peers .Values.networkPolicy.peers) }}
{{- end -}}
