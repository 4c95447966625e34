{#- The rows of a relation in the `months` months before the period that is judged. -#}
{% macro earlier(model, months) -%}
    (
        select * from {{ model }}
        where _period < {{ period() }} and _period >= ({{ period() }} - interval '{{ months }} months')::date
    )
{%- endmacro %}
