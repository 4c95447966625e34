{#- The reporting period that is judged or built, as a date. -#}
{% macro period() -%} date '{{ env_var("INTEGRITY_PERIOD") }}' {%- endmacro %}
