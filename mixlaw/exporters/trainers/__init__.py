"""Trainers' formats, one module each.

axolotl        Axolotl, which has no weights: entries with numbers of documents
base           Base class of trainers' formats: unit of the weights, writing, and strict reading
datasets       Hugging Face datasets: a Python file with the call of `interleave_datasets`
datatrove      datatrove: a Python file with one `SamplerFilter` per source, which keeps a part of its documents
doremi         DoReMi: a JSON of train and eval weights by source
energon        Megatron-Energon: a metadataset whose train split blends datasets by weight, or by repetitions
gpt_neox       GPT-NeoX: `train-data-paths` and `train-data-weights` of its YAML
levanter       Levanter and Marin: `data.train_weights` over `data.components`, assigned in blocks of whole sequences
llama_factory  LLaMA-Factory: `dataset`, `mix_strategy` and `interleave_probs` of a training YAML
maxtext        MaxText with Grain: `grain_train_files=/d/web*,0.6;/d/code*,0.4`, or a JSON of paths and weights
megatron       Megatron-LM: pairs of weight and path, as `--data-path` takes them and a file for `--data-args-path`
               holds them
nanotron       nanotron: a data stage whose Nanoset has a list of folders and a list of weights
nemo           NeMo and Megatron-Bridge: Megatron's blend in a YAML, or in the call of a data module
olmix          Olmix: `mix` with a weight and a repetition factor by source
olmo_core      OLMo-core: the `SourceMixtureConfig` entries and token request of a `SourceMixtureDatasetConfig`
registry       Every trainer that a plan can be written for
regmix         RegMix: a YAML of weights under `train`, each key train_<collection>_<source>
streaming      MosaicML Streaming and llm-foundry: a mapping of streams, weighed by proportion, repeat or choose
torchtitan     torchtitan: a Python file with a `DatasetMixConfig`, or with the loader before it
trl            trl: `datasets` of a training YAML, with fractions of rows or without
"""
